import { Argument, InvalidArgumentError, Option } from 'commander';
import { RUN_KINDS } from '../../core/runs/pass.ts';
import { RUN_STATES } from '../../core/runs/run-state.ts';
import { type CommandEntry, PROGRAM } from '../program.ts';
import { LIMIT, SERVICE_JSON } from './options.ts';

const RUN = new Argument('<run_id>', "the run's id, from the commands runs or watch");

const EXAMPLE_ID = '0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11';

const CALLS = 'Calls a service as the command jobs does.';

/** Commands about runs. */
export const RUN_COMMANDS: Record<string, CommandEntry> = {
  runs: {
    does: 'list the runs, the latest first',
    details: CALLS,
    options: [
      new Option('--job <job>', 'only those of this job: its object or id'),
      new Option('--connection <connection>', 'only those of this connection: its alias, id or user_id'),
      new Option('--state <state>', 'only runs in this state').choices(RUN_STATES),
      new Option('--kind <kind>', 'only runs of this kind; compare and erase are reimports').choices(RUN_KINDS),
      new Option('--since <time>', 'only runs that were created then or later'),
      new Option('--until <time>', 'only runs that were created before then'),
      LIMIT,
      new Option('--after <position>', 'the runs before those of an earlier list, which prints it'),
      ...SERVICE_JSON,
    ],
    examples: [`${PROGRAM} runs --job Account`, `${PROGRAM} runs --state failed --since 2026-11-26`],
    exits: ['listed', 'the service refused, or did not respond; the message says why'],
    load: async () => (await import('../runs/runs.ts')).runs,
  },
  run: {
    does: 'show a run with its progress, or its receipt and what it cost',
    details: `With --json, also its stages, slices, pages and job ids. ${CALLS}`,
    takes: [RUN],
    options: SERVICE_JSON,
    examples: [`${PROGRAM} run ${EXAMPLE_ID}`],
    exits: ['shown', 'there is no such run; the message says why'],
    load: async () => (await import('../runs/run-actions.ts')).run,
  },
  cancel: {
    does: 'cancel a queued or running run',
    details: `The job stays active: the next tick starts again from last_date. ${CALLS}`,
    takes: [RUN],
    options: SERVICE_JSON,
    examples: [`${PROGRAM} cancel ${EXAMPLE_ID}`],
    exits: ['cancelled', 'refused; the message says why'],
    load: async () => (await import('../runs/run-actions.ts')).cancel,
  },
  retry: {
    does: 'retry a run without waiting',
    details: `Makes a waiting run due now; for one that failed or was cancelled, queues the next run of its job. ${CALLS}`,
    takes: [RUN],
    options: SERVICE_JSON,
    examples: [`${PROGRAM} retry ${EXAMPLE_ID}`],
    exits: ['due now', 'refused; the message says why'],
    load: async () => (await import('../runs/run-actions.ts')).retry,
  },
  accept: {
    does: 'accept the verdict with which a run failed',
    details: `The next run of its job is due now, and may pass the verdict. ${CALLS}`,
    takes: [RUN],
    options: SERVICE_JSON,
    examples: [`${PROGRAM} accept ${EXAMPLE_ID}`],
    exits: ['accepted', 'refused; the message says why'],
    load: async () => (await import('../runs/run-actions.ts')).accept,
  },
  watch: {
    does: 'watch the runs of all jobs while they run',
    details: `On a terminal, a table with a bar per running run, drawn again in place, below the runs that have ended; otherwise a line per change. The bar shows the slices that are staged. With --json, a line of JSON per run that has changed. Ctrl-C ends. ${CALLS}`,
    options: [
      new Option('--until-idle', 'end when no run is queued or running'),
      new Option('--interval <seconds>', 'how often to look').default(2).argParser(readSeconds),
      ...SERVICE_JSON,
    ],
    examples: [`${PROGRAM} watch`, `${PROGRAM} watch --until-idle`],
    exits: ['ended by Ctrl-C, or no run is open', 'the service refused, or did not respond; the message says why'],
    load: async () => (await import('../watch/watch.ts')).watch,
  },
};

function readSeconds(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && number >= 0.1 && number <= 3600) return number;
  throw new InvalidArgumentError('Use a number from 0.1 to 3600.');
}
