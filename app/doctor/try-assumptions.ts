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

/** Which connection and which object of it are tried; undefined: the first, and one that has rows. */
export interface Subject {
  userId: string | undefined;
  objectName: string | undefined;
}

/**
 * Tries what the service takes for granted of a real org and a real project, and what nobody could tell it: a line for each, then a summary.
 * It reads Salesforce and makes Bulk query jobs there, works in a dataset of its own, and takes all of it away again.
 * @returns how many assumptions do not hold that no switch which is set goes around
 * @throws AppError where the subject is not there, or no dataset can be worked in
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
    if (stop.aborted) return 'told to stop';
    throw error;
  });
  await using _closing = typeof org === 'string' ? undefined : org;

  await tally.tryAll('Salesforce, Bulk API 2.0', BULK_PROBES, org, stop);
  await tally.tryAll('Salesforce, REST', REST_PROBES, org, stop);
  await tally.tryAll('BigQuery, uploads', UPLOAD_PROBES, scratch, stop);
  await tally.tryAll('BigQuery, what is loaded', LOAD_PROBES, scratch, stop);
  await tally.tryAll('BigQuery, tables and statements', STATEMENT_PROBES, scratch, stop);
  await tally.tryAll('From Salesforce to BigQuery', TRANSFER_PROBES, typeof org === 'string' ? org : { org, scratch }, stop);
  await tally.tryAll('What reading one org does not tell', UNTRIED, {}, stop);

  print(`\n${stop.aborted ? 'Stopped before the end: ' : ''}${tally.summary()}`);
  return tally.failures;
}

function switchesSet({ config }: Context): Set<Switch> {
  const set = new Set<Switch>();
  if (!config.salesforce.gzip) set.add('SALESFORCE_GZIP=off');
  if (config.bigquery.upload === 'multipart') set.add('BIGQUERY_UPLOAD=multipart');
  return set;
}
