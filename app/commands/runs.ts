import { acceptRun } from '../actions/accept-run.ts';
import { cancelRun } from '../actions/cancel-run.ts';
import { requireRun } from '../actions/require-run.ts';
import { retryRun } from '../actions/retry-run.ts';
import { type Context, createContext } from '../context.ts';
import { isRunId } from '../core/run-id.ts';
import { formatBound, formatInstant } from '../core/start-date.ts';
import { createEvents } from '../events.ts';
import { nextAfter, readPage } from '../http/paging.ts';
import { createLog } from '../log.ts';
import { type JobWithRun, listRunPage } from '../store/job-list.ts';
import type { ListedRun } from '../store/listed-run.ts';
import { COMMAND_LINE, type Command } from './command.ts';
import { CommandError } from './command-error.ts';
import { describeState } from './describe-state.ts';
import { terminalTable } from './output/terminal-table.ts';
import { readServiceConfig, type ServiceOptions } from './read-service-config.ts';
import { requireNamedJob } from './require-named-job.ts';
import { showRun } from './show-run.ts';

const ACTIONS = {
  cancel: { run: cancelRun, done: 'is cancelled' },
  retry: { run: retryRun, done: 'is due now' },
  accept: { run: acceptRun, done: 'is due now, and may pass the verdict' },
};

interface Options extends ServiceOptions {
  job?: string;
  limit?: string;
  after?: string;
}

/**
 * Lists the runs of a job, shows the run whose id is the second argument, or cancels, retries or accepts it and prints it in a sentence. Its
 * events go to standard error.
 */
export const runs: Command<Options> = async ({ args, options, env }) => {
  const [action = '', runId] = args;
  requireFittingOptions(action, runId, options);
  const { config } = await readServiceConfig(options, env);
  const context = createContext(config, createEvents(createLog(process.stderr)));
  try {
    if (runId === undefined) for (const line of await listRuns(context, options)) console.log(line);
    else if (action === 'show') for (const line of showRun(await requireRun(context, runId), new Date())) console.log(line);
    else {
      const { run, done } = ACTIONS[action as keyof typeof ACTIONS];
      console.log(describe(await run(context, runId, COMMAND_LINE), done));
    }
    return 0;
  } finally {
    await context.close();
  }
};

/** @throws CommandError */
function requireFittingOptions(action: string, runId: string | undefined, { job, limit, after }: Options): void {
  if (action === 'list') {
    if (job === undefined) throw new CommandError('Name the job: runs list --job <object or job id>.');
    if (runId !== undefined) throw new CommandError('runs list takes no run: it lists those of --job.');
    return;
  }
  if (job ?? limit ?? after) throw new CommandError(`runs ${action} has no options --job, --limit and --after. They are for runs list.`);
  if (runId === undefined) throw new CommandError(`Name the run: runs ${action} <run_id>.`);
  if (!isRunId(runId)) throw new CommandError('The run id must be a UUID. Take it from /jobs or runs list.');
}

const COLUMNS = [
  ...['kind', 'from', 'to', 'state', 'result'].map((name) => ({ name, numeric: false })),
  ...['inserted', 'updated', 'deleted'].map((name) => ({ name, numeric: true })),
  ...['finished', 'id'].map((name) => ({ name, numeric: false })),
];

/** A page of the job's runs, the latest first, in a table that fits the terminal. */
async function listRuns(context: Context, { job: name, limit, after }: Options): Promise<string[]> {
  const page = readPage({ ...(limit !== undefined && { limit }), ...(after !== undefined && { after }) });
  const job = await requireNamedJob(context, name!);
  const { runs: found, last } = await listRunPage(context.database, job.id, page);
  if (found.length === 0) return [`The job for ${job.objectName} has no ${after === undefined ? '' : 'earlier '}runs.`];
  const now = new Date();
  const next = nextAfter(page, found.length, last);
  return [
    ...terminalTable(
      COLUMNS,
      found.map((run) => toRow(run, now)),
    ),
    ...(next === null ? [] : [`Earlier runs: add --after ${next}`]),
  ];
}

function toRow(run: ListedRun, now: Date): string[] {
  const { receipt } = run;
  return [
    run.kind,
    formatBound(run.windowFrom),
    formatBound(run.windowTo),
    describeState(run.state, run, now),
    receipt?.verdict ?? run.errorCode ?? '',
    ...[receipt?.inserted, receipt?.updated, receipt?.deleted].map((rows) => rows?.toLocaleString('en') ?? ''),
    run.finishedAt ? formatInstant(run.finishedAt) : '',
    run.id,
  ];
}

function describe({ objectName, run }: JobWithRun, done: string): string {
  return `Run ${run.id} of ${objectName} (${formatBound(run.windowFrom)} to ${formatBound(run.windowTo)}) ${done}.`;
}
