import type { Context } from '../context.ts';
import { BULK_PROBES } from './bulk-probes.ts';
import { COMPOSITE_PROBES } from './composite-probes.ts';
import { LOAD_PROBES } from './load-probes.ts';
import type { Workaround } from './probe.ts';
import { ProbeOrg } from './probe-org.ts';
import { REST_PROBES } from './rest-probes.ts';
import { ScratchDataset } from './scratch-dataset.ts';
import { STATEMENT_PROBES } from './statement-probes.ts';
import { Tally } from './tally.ts';
import { TRANSFER_PROBES } from './transfer-probes.ts';
import { UNTESTABLE_PROBES } from './untestable-probes.ts';
import { UPLOAD_PROBES } from './upload-probes.ts';

/** The connection and object to use; undefined: the first connection, and a common object that has rows. */
export interface DoctorOptions {
  userId: string | undefined;
  objectName: string | undefined;
}

/**
 * Checks the service's assumptions that documentation does not settle, on a real org and project. Prints a line for each, then a summary.
 * Reads Salesforce, creates Bulk query jobs there, works in a temporary dataset, and deletes all of it again.
 * @returns the number of assumptions that proved wrong and that no setting works around
 * @throws AppError if the connection or object does not exist, or no dataset is writable
 */
export async function checkAssumptions(
  context: Context,
  options: DoctorOptions,
  print: (line: string) => void,
  stop: AbortSignal,
): Promise<number> {
  const tally = new Tally(workaroundsSet(context), print);
  await using scratch = await ScratchDataset.open(context.warehouse, print, stop);
  const org = await ProbeOrg.open(context, options.userId, options.objectName, print, stop).catch((error: unknown) => {
    if (stop.aborted) return 'stopped';
    throw error;
  });
  await using _closing = typeof org === 'string' ? undefined : org;

  await tally.runAll('Salesforce, Bulk API 2.0', BULK_PROBES, org, stop);
  await tally.runAll('Salesforce, REST', [...REST_PROBES, ...COMPOSITE_PROBES], org, stop);
  await tally.runAll('BigQuery, uploads', UPLOAD_PROBES, scratch, stop);
  await tally.runAll('BigQuery, loaded data', LOAD_PROBES, scratch, stop);
  await tally.runAll('BigQuery, tables and statements', STATEMENT_PROBES, scratch, stop);
  await tally.runAll('From Salesforce to BigQuery', TRANSFER_PROBES, typeof org === 'string' ? org : { org, scratch }, stop);
  await tally.runAll('Not testable by reading one org', UNTESTABLE_PROBES, {}, stop);

  print(`\n${stop.aborted ? 'Stopped before the end: ' : ''}${tally.summary()}`);
  return tally.failures;
}

function workaroundsSet({ config }: Context): Set<Workaround> {
  const set = new Set<Workaround>();
  if (!config.salesforce.gzip) set.add('SALESFORCE_GZIP=off');
  if (!config.salesforce.composite) set.add('SALESFORCE_COMPOSITE=off');
  if (config.bigquery.upload === 'multipart') set.add('BIGQUERY_UPLOAD=multipart');
  return set;
}
