import { setTimeout as sleep } from 'node:timers/promises';
import { LiveLines } from '../output/live-lines.ts';
import { print } from '../output/print.ts';
import { type RemoteOptions, serviceCommand } from '../remote/open-service.ts';
import { RemoteError, type RemoteService } from '../remote/remote-service.ts';
import type { RunOfJobView } from '../remote/views.ts';
import { describeEnded, describeOpenRun, describeOpenRuns, doneOf, type OpenRuns } from './describe-runs.ts';

interface Options extends RemoteOptions {
  /** seconds between two requests */
  interval: number;
  untilIdle?: boolean;
}

/** Lists of runs that are read at once: more would not fit a terminal. */
const MAX_LISTED = 1_000;

/** Ended runs that are reported at once. */
const MAX_ENDED = 50;

const CLOCKS_DIFFER_MS = 60_000;

/** What the runs did since the last look. */
interface Changes {
  open: OpenRuns;
  ended: readonly RunOfJobView[];
}

/** Where changes are shown. */
interface Screen {
  show(changes: Changes): void;
  /** says why the service cannot be reached at the moment */
  wait(reason: string): void;
  end(): void;
}

/**
 * Shows the runs of all jobs while they run: on a terminal, a table that is drawn again in place; otherwise a line whenever something has
 * changed. Ends with `stop`, or when no run is open.
 */
export const watch = serviceCommand<Options>(async (service, { options, stop }) => {
  const screen = options.json ? jsonLines() : process.stdout.isTTY ? liveTable(process.stdout) : plainLines();
  try {
    await watchRuns(service, options, stop, screen);
    return 0;
  } catch (error) {
    if (stop.aborted) return 0;
    throw error;
  } finally {
    screen.end();
  }
});

async function watchRuns(
  service: RemoteService,
  { interval, untilIdle = false }: Options,
  stop: AbortSignal,
  screen: Screen,
): Promise<void> {
  // The clocks of the service and of this machine may differ.
  const since = new Date(Date.now() - CLOCKS_DIFFER_MS).toISOString();
  const reported = new Set<string>();
  for (let before: OpenRuns | undefined; ; ) {
    try {
      const { open, ended } = await look(service, since, before);
      // Those of the first look ended before.
      screen.show({ open, ended: before ? ended.filter(({ id }) => !reported.has(id)) : [] });
      for (const { id } of ended) reported.add(id);
      if (untilIdle && open.running.length + open.queued.length === 0) return;
      before = open;
    } catch (error) {
      // It may be about to be replaced, by a deployment.
      if (!before || !(error instanceof RemoteError) || !['unreachable', 'store_unavailable'].includes(error.code)) throw error;
      screen.wait(error.message);
    }
    await sleep(interval * 1000, undefined, { signal: stop });
  }
}

async function look(service: RemoteService, since: string, before: OpenRuns | undefined): Promise<Changes> {
  const read = async (state: string): Promise<RunOfJobView[]> =>
    (await service.get<{ runs: RunOfJobView[] }>('v1/runs', { state, limit: String(MAX_LISTED) })).runs;
  const [running, queued] = await Promise.all([read('running'), read('queued')]);
  const open = { running: running.toReversed(), queued };
  return { open, ended: await readEnded(service, since, before, open) };
}

/** The latest runs that have ended: those that were open before, and those that were queued, and ended, between two looks. */
async function readEnded(service: RemoteService, since: string, before: OpenRuns | undefined, now: OpenRuns): Promise<RunOfJobView[]> {
  const { runs: recent } = await service.get<{ runs: RunOfJobView[] }>('v1/runs', { since, limit: String(MAX_ENDED) });
  const known = new Set([...now.running, ...now.queued, ...recent].map(({ id }) => id));
  const closed = [...(before?.running ?? []), ...(before?.queued ?? [])].filter(({ id }) => !known.has(id)).slice(0, MAX_ENDED);
  const others = await Promise.all(closed.map(({ id }) => service.get<RunOfJobView>(`v1/runs/${id}`).catch(() => undefined)));
  return [...others, ...recent.toReversed()].flatMap((run) => (run?.finished_at ? [run] : []));
}

function liveTable(out: NodeJS.WriteStream): Screen {
  const lines = new LiveLines(out);
  return {
    show({ open, ended }) {
      const table = describeOpenRuns(open, lines.size);
      lines.draw(table.length > 0 ? table : ['No run is open. Ctrl-C ends.'], ended.map(describeEnded));
    },
    wait: (reason) => lines.draw([reason]),
    end: () => lines.end(),
  };
}

/** A line per run that starts, at each further tenth of its slices, and when it ends. */
function plainLines(): Screen {
  const shown = new Map<string, string>();
  let reason: string | undefined;
  return {
    show({ open, ended }) {
      reason = undefined;
      print(ended.map(describeEnded));
      for (const { id } of ended) shown.delete(id);
      for (const run of open.running) {
        const seen = `${run.step} ${Math.floor(doneOf(run) * 10)}`;
        if (shown.get(run.id) !== seen) print([describeOpenRun(run)]);
        shown.set(run.id, seen);
      }
    },
    wait(why) {
      if (why !== reason) print([why]);
      reason = why;
    },
    end() {},
  };
}

/** A line of JSON per run that has changed. */
function jsonLines(): Screen {
  const shown = new Map<string, string>();
  return {
    show({ open, ended }) {
      for (const run of [...ended, ...open.running, ...open.queued]) {
        const text = JSON.stringify(run);
        if (shown.get(run.id) !== text) console.log(text);
        shown.set(run.id, text);
      }
      for (const { id } of ended) shown.delete(id);
    },
    wait: (reason) => console.error(reason),
    end() {},
  };
}
