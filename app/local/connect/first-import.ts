import { setTimeout as sleep } from 'node:timers/promises';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { syncNow } from '../../actions/runs/sync-now.ts';
import { tick } from '../../actions/tick.ts';
import { query } from '../../bigquery/jobs.ts';
import { quoteName, quoteTable } from '../../bigquery/sql/quote.ts';
import { targetCountStatement } from '../../bigquery/sql/table-statements.ts';
import { getTable } from '../../bigquery/tables/table.ts';
import { COMMAND_LINE } from '../../commands/command.ts';
import { textOf } from '../../commands/output/values.ts';
import type { Context } from '../../context.ts';
import { jobState } from '../../core/jobs/job-state.ts';
import { formatLastDate } from '../../core/jobs/start-date.ts';
import { isAppError } from '../../errors.ts';
import { describeObject } from '../../salesforce/describe.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { receivedRows } from '../../store/jobs/import-progress.ts';
import { type ListedJob, listJobs } from '../../store/jobs/job-list.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { runsInProgress } from '../../store/runs/runs.ts';
import { Worker } from '../../sync/worker.ts';
import { createJobs, type FirstJobs } from './create-jobs.ts';
import type { Setup } from './setup.ts';

/** The fields that distinguish records, most useful first. */
const SHOWN = ['Name', 'Subject', 'CaseNumber', 'Industry', 'Email', 'Status', 'StageName', 'Amount', 'CreatedDate'];

const POLL_MS = 250;

/** A run that starts within this time counts as in progress. */
const SOON_MS = 60_000;

/** Offers objects, imports them, and shows ten rows of the first. @returns whether every import is complete */
export async function importFirst(setup: Setup, context: Context, connection: Connection): Promise<boolean> {
  const first = await createJobs(setup, context, connection);
  const worker = new Worker(context);
  worker.start();
  try {
    const isComplete = await importJobs(setup, context, first);
    await showRows(setup, context, connection, first.jobs[0]!);
    return isComplete;
  } finally {
    await worker.stop();
  }
}

async function importJobs(setup: Setup, context: Context, { jobs, expected }: FirstJobs): Promise<boolean> {
  const { screen } = setup;
  screen.step('Import');
  screen.detail('You can stop it with Ctrl-C: npm start continues where it stopped.', 'dim');
  const jobIds = jobs.map(({ id }) => id);
  let received = 0;
  const read = async (): Promise<void> => {
    received = await receivedRows(context.database, jobIds);
  };
  const [, took] = await screen.wait(() => describeProgress(received, expected), runImports(setup, context, jobIds, read));
  const listed = await listJobs(context.database, jobIds);
  for (const job of listed) {
    if (isComplete(job)) screen.passed(`${await describeTable(context, job)}${took}`);
    else screen.failed(`${job.objectName} is ${jobState(job, new Date())}. ${job.run?.errorMessage ?? 'npm start continues its import.'}`);
  }
  return listed.every(isComplete);
}

function isComplete(job: ListedJob): boolean {
  return jobState(job, new Date()) === 'complete';
}

/** Imports everything up to the last midnight, then what has changed since. @param read reads the progress */
async function runImports({ stop }: Setup, context: Context, jobIds: readonly string[], read: () => Promise<void>): Promise<void> {
  const { database } = context;
  const wait = async (isOpen: () => Promise<boolean>): Promise<void> => {
    while (await isOpen()) {
      await read();
      await sleep(POLL_MS, undefined, { signal: stop });
    }
    await read();
  };
  for (const jobId of jobIds) await tick(context, 'command line', { jobId });
  for (const jobId of jobIds) await wait(() => runsInProgress(database, { jobId }, SOON_MS));
  for (const { id } of (await listJobs(database, jobIds)).filter(isComplete)) {
    // Refused if nothing can have changed, and for an object whose windows replace its whole table.
    await syncNow(context, await requireJobById(context, id), COMMAND_LINE).catch((error: unknown) => {
      if (!isAppError(error) || error.code !== 'conflict') throw error;
    });
  }
  await wait(async () => {
    const soon = new Date(Date.now() + SOON_MS);
    const jobs = await listJobs(database, jobIds);
    return jobs.some(({ repair }) => repair?.state === 'running' || (repair?.state === 'queued' && repair.runAt < soon));
  });
}

/** For example: Account: 12,400 rows, complete before 2026-11-27, exact. */
async function describeTable(
  { warehouse }: Context,
  { objectName, targetDataset, targetTable, syncedTo, every, run }: ListedJob,
): Promise<string> {
  const name = { project: warehouse.project, dataset: targetDataset, table: targetTable };
  const [counted] = (await getTable(warehouse, name))
    ? await query<{ target_rows: number | string }>(warehouse, targetCountStatement(name), {})
    : [];
  const rows = Number(counted?.target_rows ?? 0).toLocaleString('en');
  const verdict = run?.receipt ? `, ${run.receipt.verdict}` : '';
  return `${objectName}: ${rows} rows, complete before ${formatLastDate(syncedTo, every)}${verdict}`;
}

/** For example `████████░░░░░░░░░░░░  42%  5,210 of about 12,400 rows`. */
function describeProgress(received: number, expected: number | null): string {
  const rows = received.toLocaleString('en');
  if (!expected) return `${rows} rows received`;
  const share = Math.min(received / expected, 1);
  const full = Math.round(share * 20);
  return `${'█'.repeat(full)}${'░'.repeat(20 - full)} ${String(Math.round(share * 100)).padStart(3)}%  ${rows} of about ${expected.toLocaleString('en')} rows`;
}

async function showRows({ screen }: Setup, context: Context, connection: Connection, job: Job): Promise<void> {
  screen.step('Ten of your rows');
  const { fields } = await describeObject(context.salesforce(connection.id), job.objectName);
  const names = ['Id', ...SHOWN.filter((name) => fields.some((field) => field.name === name)).slice(0, 3)];
  const view = { project: context.warehouse.project, dataset: job.targetDataset, table: `${job.targetTable}_live` };
  if (!(await getTable(context.warehouse, view))) return screen.detail(`${job.objectName} has no rows yet.`);
  const sql = `SELECT ${names.map(quoteName).join(', ')} FROM ${quoteTable(view)} LIMIT 10`;
  const rows = await query<Record<string, unknown>>(context.warehouse, sql, {});
  screen.table(
    names,
    rows.map((row) => names.map((name) => shorten(name, textOf(row[name]) ?? 'NULL'))),
  );
}

/** Without the time of day, so that Ids fit. */
function shorten(name: string, text: string): string {
  return name === 'CreatedDate' ? text.slice(0, 10) : text;
}
