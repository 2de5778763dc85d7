import { changeJob, type JobChangeRequest } from '../actions/change-job.ts';
import { deleteJob } from '../actions/delete-job.ts';
import { eraseRecord } from '../actions/erase-record.ts';
import { rebuild } from '../actions/rebuild.ts';
import { reimport } from '../actions/reimport.ts';
import { sweep } from '../actions/sweep.ts';
import { syncNow } from '../actions/sync-now.ts';
import { type Context, createContext } from '../context.ts';
import { CHANGEABLE_PROPERTIES } from '../core/job-options.ts';
import { jobState } from '../core/job-state.ts';
import { formatBound, formatInstant, formatLastDate, formatStartDate } from '../core/start-date.ts';
import { createEvents } from '../events.ts';
import { createLog } from '../log.ts';
import { type JobWithRun, type ListedJob, listJobPage, type Position } from '../store/job-list.ts';
import type { Job } from '../store/jobs.ts';
import { COMMAND_LINE, type Command } from './command.ts';
import { CommandError } from './command-error.ts';
import { describeState } from './describe-state.ts';
import { terminalTable } from './output/terminal-table.ts';
import { readServiceConfig, type ServiceOptions } from './read-service-config.ts';
import { requireFittingOptions } from './require-fitting-options.ts';
import { requireNamedJob } from './require-named-job.ts';

interface Options extends ServiceOptions, JobChangeRequest {
  from?: string;
  to?: string;
  ids?: string;
  idFrom?: string;
  idTo?: string;
  table?: 'keep' | 'drop';
  recordId?: string;
  suppress?: boolean;
}

type Action = (context: Context, job: Job, options: Options) => Promise<string>;

const RANGE = ['from', 'to', 'ids', 'idFrom', 'idTo'] as const;

/** What can be done with a job, the options of each, and what to print. */
const ACTIONS: Record<string, { takes: readonly (keyof Options)[]; run: Action }> = {
  reimport: { takes: RANGE, run: async (context, job, options) => describeRun(await reimport(context, job, options, COMMAND_LINE)) },
  compare: {
    takes: RANGE,
    run: async (context, job, options) => describeRun(await reimport(context, job, { ...options, compare: true }, COMMAND_LINE)),
  },
  rebuild: { takes: [], run: async (context, job) => describeRun(await rebuild(context, job, COMMAND_LINE)) },
  sweep: { takes: [], run: async (context, job) => describeRun(await sweep(context, job, COMMAND_LINE)) },
  'sync-now': { takes: [], run: async (context, job) => describeRun(await syncNow(context, job, COMMAND_LINE)) },
  change: {
    takes: [...CHANGEABLE_PROPERTIES, 'approveFields'],
    run: async (context, job, options) => await changeJob(context, job, options, COMMAND_LINE),
  },
  erase: { takes: ['recordId', 'suppress'], run: erase },
  delete: { takes: ['table'], run: deleteWithTable },
};

/** Lists the jobs, or does something with the one that the second argument names. Its events go to standard error. */
export const jobs: Command<Options> = async ({ args, options, env }) => {
  const [action = '', name] = args;
  requireFittingOptions({ name: 'jobs', one: 'job', named: '<object or job id>' }, ACTIONS, args, options);
  if (action === 'delete' && !options.table)
    throw new CommandError('Add --table keep or --table drop: what becomes of its BigQuery table.');
  if (action === 'erase' && !options.recordId) throw new CommandError('Add --record-id: which record to erase.');
  const { config } = await readServiceConfig(options, env);
  const context = createContext(config, createEvents(createLog(process.stderr)));
  try {
    if (name === undefined) for (const line of await describeJobs(context)) console.log(line);
    else console.log(await ACTIONS[action]!.run(context, await requireNamedJob(context, name), options));
    return 0;
  } finally {
    await context.close();
  }
};

async function deleteWithTable(context: Context, job: Job, { table }: Options): Promise<string> {
  const { message } = await deleteJob(context, job, table!, COMMAND_LINE);
  return `The job for ${job.objectName} is deleted. ${message}`;
}

async function erase(context: Context, job: Job, { recordId, suppress = false }: Options): Promise<string> {
  const { recoverableUntil, ...queued } = await eraseRecord(context, job, { recordId: recordId!, suppress }, COMMAND_LINE);
  return `${describeRun(queued)} BigQuery can restore the record until ${formatInstant(recoverableUntil)}.`;
}

function describeRun({ objectName, run }: JobWithRun): string {
  const range = `${formatBound(run.windowFrom)} to ${formatBound(run.windowTo)}`;
  const which = typeof run.scope?.ids === 'number' ? `${run.scope.ids} Ids` : range;
  return `Run ${run.id} of ${objectName} (${which}) is queued. Its receipt will be at /v1/runs/${run.id}.`;
}

/** Jobs that one statement reads. */
const PAGE_JOBS = 1_000;

/** A table that fits the terminal. */
async function describeJobs({ database }: Context): Promise<string[]> {
  const now = new Date();
  const rows: string[][] = [];
  for (let after: Position | undefined; ; ) {
    const { jobs: page, last } = await listJobPage(database, { limit: PAGE_JOBS, after });
    rows.push(...page.map((job) => toRow(job, now)));
    if (page.length < PAGE_JOBS) break;
    after = last;
  }
  if (rows.length === 0) return ['There are no jobs. Create one with create_importing_job.'];
  const names = ['object', 'state', 'start_date', 'last_date', 'every', 'deletes', 'repair', 'table', 'id'];
  return terminalTable(
    names.map((name) => ({ name, numeric: false })),
    rows,
  );
}

function toRow(job: ListedJob, now: Date): string[] {
  return [
    job.objectName,
    describeState(jobState(job, now), job.run, now),
    formatStartDate(job.startDate),
    formatLastDate(job.syncedTo, job.every),
    job.every,
    job.deletes,
    job.repair ? `${job.repair.kind} ${describeState(job.repair.state, job.repair, now)}` : '',
    `${job.targetDataset}.${job.targetTable}`,
    job.id,
  ];
}
