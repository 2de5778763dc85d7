import { randomUUID } from 'node:crypto';
import { runQueryJob } from '../bigquery/jobs.ts';
import { loadPage } from '../bigquery/load/load.ts';
import type { TableName } from '../bigquery/sql/quote.ts';
import { checkDatasetWritable } from '../bigquery/tables/check-dataset-writable.ts';
import { checkDatasets, describeDefaultExpirations, removeDefaultExpirationsCommand } from '../bigquery/tables/datasets.ts';
import { checkTaggedColumns } from '../bigquery/tables/policy-tags.ts';
import { formatTableName } from '../bigquery/tables/table.ts';
import { ensureStagingTable } from '../bigquery/tables/tables.ts';
import { homeDataset } from '../config.ts';
import type { Context } from '../context.ts';
import { abortable } from '../core/abortable.ts';
import { storeRestoredError } from '../core/connections/agreement.ts';
import { csvLine } from '../core/csv.ts';
import { errorMessage } from '../core/error-message.ts';
import { mapConcurrently } from '../core/map-concurrently.ts';
import { checkLoginHost } from '../salesforce/oauth.ts';
import { requireApiVersion } from '../salesforce/require-api-version.ts';
import { activeConnections } from '../store/connections/connections.ts';
import { listTargets, type Target } from '../store/jobs/list-targets.ts';
import { missingMigrations, waitForDatabase } from '../store/migrate.ts';
import { countOldRows } from '../store/sealed-columns.ts';
import { targetTable, versionsTable } from '../sync/names.ts';

/** One check: its name, and a function that returns a short result or throws. */
interface Check {
  what: string;
  try: (context: Context, signal: AbortSignal) => Promise<string>;
  /** of all orgs or tables: each has a limit of its own, and all of them none */
  ofAll?: true;
}

const CHECKS: readonly Check[] = [
  { what: 'the job store is reachable', try: (context) => waitForDatabase(context.database, 1).then(() => 'connected') },
  { what: 'the job store schema is current', try: checkMigrations },
  { what: 'the job store agrees with BigQuery', try: checkAgreement },
  { what: 'TOKEN_KEYS opens every sealed row', try: checkTokenKeys },
  { what: 'the Salesforce login hosts accept the configured apps', try: checkLoginHosts },
  { what: 'every connection can call its org', try: checkConnections, ofAll: true },
  { what: 'the datasets exist in the configured location', try: checkAllDatasets },
  { what: 'tables can be created in every target dataset', try: checkTargets },
  { what: 'columns with policy tags can be read and updated', try: checkPolicyTags, ofAll: true },
  { what: 'BigQuery can load and merge', try: checkWarehouse },
];

/** What a check found. */
export interface CheckResult {
  what: string;
  result: 'passed' | 'failed' | 'not checked';
  /** a short result, or the problem and what to do about it; without secrets */
  text: string;
}

/** Longer than a check takes that makes a few calls: one that hangs leaves time for the others. */
const MAX_CHECK_MS = 90_000;

/** Likewise of one org or table, in a check of all of them, which takes as long as their number requires. */
const MAX_ITEM_MS = 30_000;

/** How many orgs or tables are checked at a time. */
const CONCURRENT = 6;

/** Checks everything the service needs, one thing after the other. @param signal aborts the checks: those that remain are not checked */
export async function* checkService(context: Context, signal: AbortSignal): AsyncGenerator<CheckResult> {
  for (const check of CHECKS) yield { what: check.what, ...(await runCheck(context, check, signal)) };
}

async function runCheck(context: Context, { try: check, ofAll }: Check, signal: AbortSignal): Promise<Omit<CheckResult, 'what'>> {
  const run = (stopped: AbortSignal): Promise<string> => check({ ...context, warehouse: context.warehouse.withSignal(stopped) }, stopped);
  try {
    signal.throwIfAborted();
    return { result: 'passed', text: await (ofAll ? abortable(signal, run(signal)) : withLimit(MAX_CHECK_MS, signal, run)) };
  } catch (error) {
    if (signal.aborted) return { result: 'not checked', text: 'The checks were stopped.' };
    return { result: 'failed', text: errorMessage(error) };
  }
}

/** Not everything that is checked ends with its signal. @throws Error in a sentence if it takes too long */
async function withLimit<T>(limitMs: number, signal: AbortSignal, run: (stopped: AbortSignal) => Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(limitMs);
  const stopped = AbortSignal.any([signal, limit]);
  try {
    return await abortable(stopped, run(stopped));
  } catch (error) {
    if (signal.aborted || !limit.aborted) throw error;
    const advice = 'Check the network between the service and what this check calls, then run doctor again.';
    throw new Error(`It took longer than ${limitMs / 1000} seconds. ${advice}`, { cause: error });
  }
}

/** Checks one of many. @throws Error that names it */
async function checkOne<T>(name: string, signal: AbortSignal, run: (stopped: AbortSignal) => Promise<T>): Promise<T> {
  return await withLimit(MAX_ITEM_MS, signal, run).catch((error: unknown) => {
    throw new Error(`${name}: ${errorMessage(error)}`, { cause: error });
  });
}

async function checkMigrations(context: Context): Promise<string> {
  const missing = await missingMigrations(context.database);
  if (missing.length > 0) throw new Error(`Migrations not applied: ${missing.join(', ')}. Run the migrate command or start the service.`);
  return 'up to date';
}

async function checkAgreement(context: Context): Promise<string> {
  const { own, published, disagreement } = await context.agreement.compare();
  if (disagreement) throw storeRestoredError(disagreement, homeDataset(context.config), context.limits.aliveMs);
  return published ? `epoch ${own.epoch}, last heartbeat at ${published.heartbeatAt.toISOString()}` : 'nothing has been written yet';
}

async function checkTokenKeys({ database, sealer }: Context): Promise<string> {
  const { outdated, unreadable } = await countOldRows(database, sealer);
  if (unreadable > 0) {
    throw new Error(`Rows sealed with a key that TOKEN_KEYS does not contain: ${unreadable}. Add the key, or connect their users again.`);
  }
  if (outdated > 0) return `rows that need an older key: ${outdated}. Run the reseal command, then remove the key`;
  return sealer.keyIds.length > 1 ? 'no row needs an older key: remove all but the first' : 'one key';
}

async function checkLoginHosts(context: Context): Promise<string> {
  const { apps } = context.config.salesforce;
  for (const app of apps) await checkLoginHost(context.dispatcher, app);
  return apps.map((app) => app.loginUrl).join(', ');
}

async function checkConnections(context: Context, signal: AbortSignal): Promise<string> {
  const connections = await activeConnections(context.database);
  const check = ({ id, identityUrl }: (typeof connections)[number], ended: AbortSignal): Promise<void> =>
    checkOne(identityUrl, ended, (stopped) => requireApiVersion(context.salesforce(id, stopped)));
  await mapConcurrently(CONCURRENT, signal, () => connections, check);
  return connections.length === 0 ? 'no org is connected yet' : `${connections.length} checked`;
}

async function checkAllDatasets(context: Context): Promise<string> {
  const { datasets, location, project } = context.config.bigquery;
  const withDefaults = await checkDatasets(context.warehouse, datasets);
  const warnings = withDefaults.map(
    (defaults) =>
      `; ${describeDefaultExpirations(defaults)}. The service removes it from its own tables; it will still delete other tables. To remove it, run ${removeDefaultExpirationsCommand(project, defaults.dataset)}`,
  );
  return `${datasets.join(', ')} in ${location}${warnings.join('')}`;
}

async function checkTargets(context: Context): Promise<string> {
  const { datasets } = context.config.bigquery;
  const table = scratchName();
  for (const dataset of datasets) await checkDatasetWritable(context.warehouse, dataset, table);
  return datasets.join(', ');
}

/** In the target tables and the tables of versions of all jobs. */
async function checkPolicyTags(context: Context, signal: AbortSignal): Promise<string> {
  const jobs = await listTargets(context.database);
  let tagged = 0;
  const check = async (job: Target, ended: AbortSignal): Promise<void> => {
    for (const table of [targetTable(context, job), versionsTable(context, job)]) {
      // `tagged += await …` would lose what the other tables add meanwhile.
      const found = await checkOne(formatTableName(table), ended, (stopped) =>
        checkTaggedColumns(context.warehouse.withSignal(stopped), table),
      );
      tagged += found;
    }
  };
  await mapConcurrently(CONCURRENT, signal, () => jobs, check);
  return tagged === 0 ? 'there are none' : `${tagged} checked`;
}

/** Loads and merges one row in a table of the staging dataset, which expires within the hour. */
async function checkWarehouse(context: Context): Promise<string> {
  const { warehouse } = context;
  const id = scratchName();
  const table: TableName = { project: warehouse.project, dataset: warehouse.stagingDataset, table: id };
  await ensureStagingTable(warehouse, table, ['Id'], new Date(Date.now() + 3_600_000), {});
  const page = (async function* () {
    yield Buffer.from(csvLine(['Id']) + csvLine(['001']));
  })();
  const loaded = await loadPage(warehouse, { jobId: `${id}_load`, table, columns: ['Id'], labels: {} }, page);
  if (!loaded.succeeded) throw loaded.error;
  const name = `\`${table.project}.${table.dataset}.${table.table}\``;
  const sql = `MERGE ${name} AS _target USING (SELECT '002' AS Id) AS _source ON _target.Id = _source.Id WHEN NOT MATCHED THEN INSERT (Id) VALUES (_source.Id)`;
  const merged = await runQueryJob(warehouse, { id: `${id}_merge`, sql, labels: {}, maxBytesBilled: 100e6 });
  if (!merged.succeeded) throw merged.error;
  return `${loaded.job.outputRows} row loaded, ${merged.job.inserted} merged`;
}

function scratchName(): string {
  return `doctor_${randomUUID().replaceAll('-', '')}`;
}
