import type { Context } from '../context.ts';
import { BULK_PROBES } from './bulk-probes.ts';
import { LOAD_PROBES } from './load-probes.ts';
import { OrgBench } from './org-bench.ts';
import type { Switch } from './probe.ts';
import { REST_PROBES } from './rest-probes.ts';
import { Scratch } from './scratch.ts';
import { STATEMENT_PROBES } from './statement-probes.ts';
import { Tally } from './tally.ts';
import { TRANSFER_PROBES } from './transfer-probes.ts';
import { UNTRIED } from './untried.ts';
import { UPLOAD_PROBES } from './upload-probes.ts';

/** The connection and object to use; undefined: the first connection, and a common object that has rows. */
export interface Subject {
  userId: string | undefined;
  objectName: string | undefined;
}

/**
 * Checks the service's assumptions that documentation does not settle, on a real org and project. Prints a line for each, then a summary.
 * Reads Salesforce, creates Bulk query jobs there, works in a temporary dataset, and deletes all of it again.
 * @returns the number of assumptions that do not hold and that no setting works around
 * @throws AppError if the connection or object does not exist, or no dataset is writable
 */
export async function tryAssumptions(
  context: Context,
  subject: Subject,
  print: (line: string) => void,
  stop: AbortSignal,
): Promise<number> {
  const tally = new Tally(switchesSet(context), print);
  await using scratch = await Scratch.open(context.warehouse, print, stop);
  const org = await OrgBench.open(context, subject.userId, subject.objectName, print, stop).catch((error: unknown) => {
    if (stop.aborted) return 'stopped';
    throw error;
  });
  await using _closing = typeof org === 'string' ? undefined : org;

  await tally.tryAll('Salesforce, Bulk API 2.0', BULK_PROBES, org, stop);
  await tally.tryAll('Salesforce, REST', REST_PROBES, org, stop);
  await tally.tryAll('BigQuery, uploads', UPLOAD_PROBES, scratch, stop);
  await tally.tryAll('BigQuery, loaded data', LOAD_PROBES, scratch, stop);
  await tally.tryAll('BigQuery, tables and statements', STATEMENT_PROBES, scratch, stop);
  await tally.tryAll('From Salesforce to BigQuery', TRANSFER_PROBES, typeof org === 'string' ? org : { org, scratch }, stop);
  await tally.tryAll('Not testable by reading one org', UNTRIED, {}, stop);

  print(`\n${stop.aborted ? 'Stopped before the end: ' : ''}${tally.summary()}`);
  return tally.failures;
}

function switchesSet({ config }: Context): Set<Switch> {
  const set = new Set<Switch>();
  if (!config.salesforce.gzip) set.add('SALESFORCE_GZIP=off');
  if (config.bigquery.upload === 'multipart') set.add('BIGQUERY_UPLOAD=multipart');
  return set;
}
