import { acceptRun } from '../actions/accept-run.ts';
import { cancelRun } from '../actions/cancel-run.ts';
import { retryRun } from '../actions/retry-run.ts';
import { createContext } from '../context.ts';
import { isRunId } from '../core/run-id.ts';
import { formatBound } from '../core/start-date.ts';
import { createEvents } from '../events.ts';
import { createLog } from '../log.ts';
import type { JobWithRun } from '../store/job-list.ts';
import type { Command } from './command.ts';
import { CommandError } from './command-error.ts';
import { readServiceConfig, type ServiceOptions } from './read-service-config.ts';

const ACTIONS = {
  cancel: { run: cancelRun, done: 'is cancelled' },
  retry: { run: retryRun, done: 'is due now' },
  accept: { run: acceptRun, done: 'is due now, and may pass the verdict' },
};

/** Who requested it, as the run and the log show it. */
const BY = 'command line';

/** Cancels, retries or accepts the run whose id is the second argument, and prints the run in a sentence. Its events go to standard error. */
export const runs: Command<ServiceOptions> = async ({ args, options, env }) => {
  const [action, runId = ''] = args;
  if (!isRunId(runId)) throw new CommandError('The run id must be a UUID. Take it from /jobs.');
  const { config } = await readServiceConfig(options, env);
  const context = createContext(config, createEvents(createLog(process.stderr)));
  try {
    const { run, done } = ACTIONS[action as keyof typeof ACTIONS];
    console.log(describe(await run(context, runId, BY), done));
    return 0;
  } finally {
    await context.close();
  }
};

function describe({ objectName, run }: JobWithRun, done: string): string {
  return `Run ${run.id} of ${objectName} (${formatBound(run.windowFrom)} to ${formatBound(run.windowTo)}) ${done}.`;
}
