import { fenceJobId, query } from '../../bigquery/jobs.ts';
import { deleteInvalidValuesStatement } from '../../bigquery/sql/invalid-values-statements.ts';
import { dropOwnTable } from '../../bigquery/tables/drop-own-table.ts';
import { hasInvalidValues } from '../../bigquery/tables/invalid-values-table.ts';
import { formatTableName, getTable } from '../../bigquery/tables/table.ts';
import type { Context } from '../../context.ts';
import { abortable } from '../../core/abortable.ts';
import { mapConcurrently } from '../../core/map-concurrently.ts';
import { AppError, isAppError } from '../../errors.ts';
import { aboutJob, insertChange } from '../../store/audit.ts';
import { transaction } from '../../store/database.ts';
import { deleteStoredJob, readRunsWithTables, readTableWrites, stopJob } from '../../store/jobs/delete-job.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import type { EndedRun } from '../../store/runs/run-tables.ts';
import { deleteTableWrite } from '../../store/runs/table-writes.ts';
import { dropTablesOf } from '../../sync/drop-tables.ts';
import { invalidValuesTable, liveView, runLabels, targetTable, versionsTable, versionsView } from '../../sync/names.ts';

/** A caller is waiting for the response, behind a load balancer that waits for 60 s. What is left then is done by the next call. */
const TIMEOUT_MS = 50_000;

/** How long to wait for one statement. */
const MAX_FENCE_MS = 20_000;

/** Each has up to dozens of tables, of which some are dropped at a time. */
const MAX_CONCURRENT_RUNS = 4;

/** A deleted job. */
export interface DeletedJob {
  /** the target table and the live view, if they were dropped */
  dropped: string[];
  /** what became of the target table, in sentences */
  message: string;
}

/**
 * Deletes a job, its runs and their tables. First stops it: pauses it, cancels its open runs, and makes sure that none of its statements
 * changes the target table any more. If it fails or is killed, the job stays paused, and the same call continues.
 * @param table whether to keep or drop the target table and the live view, if they are those of the job
 * @param by who requested it
 * @throws AppError conflict if BigQuery is still running a statement, or the job was resumed meanwhile; bigquery_unavailable if it takes
 *   longer than one call may; store_restored
 */
export async function deleteJob(context: Context, job: Job, table: 'keep' | 'drop', by: string): Promise<DeletedJob> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await stopAndDelete(context, job, table, by, signal);
  } catch (error) {
    if (!signal.aborted || isAppError(error)) throw error;
    throw new AppError(
      'bigquery_unavailable',
      `The job for ${job.objectName} could not be deleted within ${TIMEOUT_MS / 1000} seconds. Delete it again: that continues where it stopped.`,
      { cause: error },
    );
  }
}

async function stopAndDelete(context: Context, job: Job, table: 'keep' | 'drop', by: string, signal: AbortSignal): Promise<DeletedJob> {
  await abortable(signal, context.agreement.require());
  const limited = { ...context, warehouse: context.warehouse.withSignal(signal) };
  for (const { id: runId, kind } of await stopJob(context.database, job.id)) context.events.runCancelled({ runId, job, kind });
  const runs = await readRunsWithTables(context.database, job);
  await fenceStatements(limited, job, runs);
  await mapConcurrently(
    MAX_CONCURRENT_RUNS,
    signal,
    () => runs,
    (run, ended) => dropTablesOf(limited, run, ended),
  );
  const dropped = table === 'drop' ? await dropTarget(limited, job) : [];
  const message = table === 'drop' ? describeDropped(context, job, dropped) : describeKept(context, job, await keptTables(limited, job));
  await transaction(context.database, async (client) => {
    if (!(await deleteStoredJob(client, job.id))) {
      throw new AppError('conflict', `The job for ${job.objectName} was resumed meanwhile. Delete it again.`);
    }
    await insertChange(client, { by, action: 'job_deleted', ...aboutJob(job), details: { table } });
  });
  context.events.jobDeleted(job, table, by);
  return { dropped, message };
}

/** Ensures that no statement changes the target table or creates a table of the job from here on. @throws AppError conflict, store_unavailable */
async function fenceStatements(context: Context, job: Job, runs: readonly EndedRun[]): Promise<void> {
  for (const { statement, runId } of await readTableWrites(context.database, job.id)) {
    await fence(context, job, statement, runId);
    await deleteTableWrite(context.database, statement);
  }
  for (const { runId, tables } of runs.filter(({ succeeded }) => !succeeded)) {
    for (const { createdBy } of tables) if (createdBy !== null) await fence(context, job, createdBy, runId);
  }
}

async function fence({ warehouse }: Context, job: Job, statement: string, runId: string): Promise<void> {
  const waited = AbortSignal.timeout(MAX_FENCE_MS);
  try {
    await fenceJobId(warehouse.withSignal(waited), statement, runLabels(runId, job));
  } catch (error) {
    if (!waited.aborted) throw error;
    throw new AppError(
      'conflict',
      `BigQuery is still running a statement of the job for ${job.objectName}. Delete it again in a few minutes; the job is paused until then.`,
      { cause: error },
    );
  }
}

/** Drops the job's target table and live view, and the invalid values of its rows. @returns the names of what it dropped */
async function dropTarget(context: Context, job: Job): Promise<string[]> {
  const { warehouse } = context;
  const invalidValues = invalidValuesTable(context, job);
  const target = targetTable(context, job);
  const dropped: string[] = [];
  const ofVersions = [versionsView(context, job), versionsTable(context, job)];
  for (const name of [liveView(context, job), target, ...ofVersions]) {
    if (await dropOwnTable(warehouse, name, job.id)) dropped.push(formatTableName(name));
  }
  if (await hasInvalidValues(warehouse, invalidValues)) {
    await query(warehouse, deleteInvalidValuesStatement(invalidValues, job.objectName), { job: job.id });
  }
  return dropped;
}

/** The names of the job's target table and of its versions, unless no window has created them yet. */
async function keptTables(context: Context, job: Job): Promise<string[]> {
  const names = [targetTable(context, job), ...(job.history ? [versionsTable(context, job)] : [])];
  const exist = await Promise.all(
    names.map(async (name) => {
      try {
        return (await getTable(context.warehouse, name)) !== undefined;
      } catch (error) {
        // The access to the dataset may have been withdrawn. That keeps no job from being deleted.
        if (!isAppError(error)) throw error;
        return true;
      }
    }),
  );
  return names.filter((_, index) => exist[index]).map(formatTableName);
}

function describeKept(context: Context, job: Job, kept: readonly string[]): string {
  if (kept.length === 0) return `There is no table to keep: ${formatTableName(targetTable(context, job))} does not exist.`;
  const [are, them] = kept.length > 1 ? ['are kept as they are', 'them'] : ['is kept as it is', 'it'];
  return `${kept.join(' and ')} ${are}. To import ${job.objectName} again, rename or drop ${them} first.`;
}

function describeDropped(context: Context, job: Job, dropped: readonly string[]): string {
  const name = formatTableName(targetTable(context, job));
  const kept = dropped.includes(name) ? [] : [`${name} was not dropped: it does not exist, or is not the table of this job.`];
  const names = dropped.toSorted((left, right) => Number(right === name) - Number(left === name));
  const listed = `${new Intl.ListFormat('en').format(names)} ${names.length === 1 ? 'is' : 'are'} dropped.`;
  return [...kept, ...(names.length > 0 ? [listed] : [])].join(' ');
}
