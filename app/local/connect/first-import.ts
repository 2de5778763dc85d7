import { setTimeout as sleep } from 'node:timers/promises';
import { createJob } from '../../actions/create-job.ts';
import { syncNow } from '../../actions/sync-now.ts';
import { tick } from '../../actions/tick.ts';
import { query } from '../../bigquery/jobs.ts';
import { quoteName, quoteTable } from '../../bigquery/sql/quote.ts';
import { targetCountStatement } from '../../bigquery/sql/table-statements.ts';
import { getTable } from '../../bigquery/table.ts';
import { textOf } from '../../commands/output/values.ts';
import type { Context } from '../../context.ts';
import { jobState } from '../../core/job-state.ts';
import { formatLastDate } from '../../core/start-date.ts';
import { isAppError } from '../../errors.ts';
import { describeObject } from '../../salesforce/describe.ts';
import { estimateRecordCount } from '../../salesforce/record-count.ts';
import type { Connection } from '../../store/connections.ts';
import { receivedRows } from '../../store/import-progress.ts';
import { latestRepairs, listJobs } from '../../store/job-list.ts';
import type { Job } from '../../store/jobs.ts';
import { runsInProgress } from '../../store/runs.ts';
import { Worker } from '../../sync/worker.ts';
import type { Setup } from './setup.ts';

/** What most orgs have, in the order in which it is offered. */
const OFFERED = ['Account', 'Contact', 'Lead', 'Opportunity', 'Case', 'Task', 'User'];

/** The fields that distinguish records, most useful first. */
const SHOWN = ['Name', 'Subject', 'CaseNumber', 'Industry', 'Email', 'Status', 'StageName', 'Amount', 'CreatedDate'];

const BY = 'command line';
const POLL_MS = 250;

/** A run that starts within this time counts as in progress. */
const SOON_MS = 60_000;

/** Offers objects, imports them, and shows ten rows of the first. */
export async function importFirst(setup: Setup, context: Context, connection: Connection): Promise<void> {
  const { jobs, expected } = await createJobs(setup, context, connection);
  const worker = new Worker(context);
  worker.start();
  try {
    await importJobs(setup, context, jobs, expected);
  } finally {
    await worker.stop();
  }
  await showRows(setup, context, connection, jobs[0]!);
}

/** @returns also how many rows they have, by Salesforce's estimate; null: unknown */
async function createJobs(
  { screen, prompt }: Setup,
  context: Context,
  connection: Connection,
): Promise<{ jobs: readonly Job[]; expected: number | null }> {
  screen.step('What to import');
  const client = context.salesforce(connection.id);
  const counts = new Map<string, number | null>();
  for (const name of OFFERED) counts.set(name, await estimateRecordCount(client, name));
  const rows = [...counts].map(([name, count]) => [name, count === null ? '?' : count.toLocaleString('en')]);
  screen.table(['object', '(rows, about)'], rows);
  for (;;) {
    const answer = await prompt.ask('Objects, separated by commas; also custom ones, for example Invoice__c', OFFERED[0]);
    const names = new Set(answer.split(',').map((name) => name.trim()));
    const startDate = await prompt.ask('Changed or created since, as YYYY-MM-DD, or all', 'all');
    const jobs: Job[] = [];
    for (const objectName of names) {
      const request = {
        objectName,
        startDate,
        dataset: undefined,
        deletes: undefined,
        appendOnly: undefined,
        takeOver: false,
        every: undefined,
      };
      try {
        jobs.push((await createJob(context, connection, request)).job);
      } catch (error) {
        if (!isAppError(error)) throw error;
        screen.failed(`${objectName}: ${error.message}`);
      }
    }
    if (jobs.length === 0) continue;
    const known = await Promise.all(
      jobs.map(async ({ objectName }) => counts.get(objectName) ?? (await estimateRecordCount(client, objectName))),
    );
    return { jobs, expected: startDate === 'all' && !known.includes(null) ? known.reduce<number>((sum, count) => sum + count!, 0) : null };
  }
}

/** Imports everything up to the last midnight, then what has changed since. */
async function importJobs(setup: Setup, context: Context, jobs: readonly Job[], expected: number | null): Promise<void> {
  const { screen } = setup;
  screen.step('Import');
  const jobIds = jobs.map(({ id }) => id);
  await tick(context, { connectionId: jobs[0]!.connectionId });
  let received = 0;
  const bar = (): string => describeProgress(received, expected);
  const read = async (): Promise<void> => {
    received = await receivedRows(context.database, jobIds);
  };
  const [, took] = await screen.wait(bar, untilDone(setup, context, jobs, read));
  for (const job of await listJobs(context.database, { jobIds })) {
    const table = { project: context.warehouse.project, dataset: job.targetDataset, table: job.targetTable };
    const rows = (await getTable(context.warehouse, table)) ? await countRows(context, targetCountStatement(table)) : 0;
    const verdict = job.run?.receipt ? `, ${job.run.receipt.verdict}` : '';
    const state = jobState(job, new Date());
    if (state === 'complete') {
      screen.passed(
        `${job.objectName}: ${rows.toLocaleString('en')} rows, complete before ${formatLastDate(job.syncedTo, job.every)}${verdict}${took}`,
      );
    } else screen.failed(`${job.objectName} is ${state}. ${job.run?.errorMessage ?? 'npm start continues its import.'}`);
  }
}

async function countRows({ warehouse }: Context, sql: string): Promise<number> {
  const [row] = await query<{ target_rows: number | string }>(warehouse, sql, {});
  return Number(row?.target_rows ?? 0);
}

async function untilDone({ stop }: Setup, context: Context, jobs: readonly Job[], read: () => Promise<void>): Promise<void> {
  const wait = async (isOpen: () => Promise<boolean>): Promise<void> => {
    while (await isOpen()) {
      await read();
      await sleep(POLL_MS, undefined, { signal: stop });
    }
    await read();
  };
  await wait(() => runsInProgress(context.database, { connectionId: jobs[0]!.connectionId }, SOON_MS));
  const complete = (await listJobs(context.database, { jobIds: jobs.map(({ id }) => id) })).filter(
    (job) => jobState(job, new Date()) === 'complete',
  );
  for (const { id } of complete) {
    const job = { ...jobs.find((found) => found.id === id)!, syncedTo: complete.find((found) => found.id === id)!.syncedTo };
    // Refused if nothing can have changed, or if the window has replaced the whole table.
    await syncNow(context, job, BY).catch((error: unknown) => {
      if (!isAppError(error) || error.code !== 'conflict') throw error;
    });
  }
  await wait(async () => {
    const repairs = await latestRepairs(context.database, { jobIds: complete.map(({ id }) => id) });
    return [...repairs.values()].some(
      ({ state, runAt }) => state === 'running' || (state === 'queued' && runAt.getTime() < Date.now() + SOON_MS),
    );
  });
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
