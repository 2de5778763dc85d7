// Proves that a process of the service neither grows nor loses rows while it syncs under faults for minutes, without being killed.
//   npm run soak -- --minutes 10 --json   the last line on stdout is one JSON object
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Dice } from '../../app/local/emulators/salesforce/org/dice.ts';
import type { Queryable } from '../../app/store/database.ts';
import { deleteOldRuns } from '../../app/store/runs/old-runs.ts';
import { allActs, endFaults } from '../chaos/acts.ts';
import { Fleet } from '../chaos/fleet.ts';
import { OrgLife } from '../chaos/org-life.ts';
import { ALL_JOBS, disturb, judge, letTimePass, live } from '../chaos/run-chaos.ts';
import { Watermarks } from '../chaos/watermarks.ts';
import { startWorld, type World } from '../chaos/world.ts';
import { MARGINS, MUST_BE_EMPTY, RETENTION_MINUTES, type Sample, takeSample } from './sample.ts';
import { trendOf } from './trend.ts';

/** The longest that it may take to drop tables and to end BigQuery jobs after the last run. */
const SETTLE_MS = 60_000;

const SAMPLES = 40;

/** The eighth: its records hardly change, so its windows are empty. */
const LAST_JOB = { object: 'User', deletes: 'keep', every: '15m' } as const;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

await using world = await startWorld(seed, ['a']);
const living = { fleet: new Fleet(world), watermarks: new Watermarks(world), life: new OrgLife(world, new Dice(seed, 1)) };
for (const job of [...ALL_JOBS, LAST_JOB])
  if (!(await living.fleet.create(job))) throw new Error(`The job for ${job.object} was not created.`);
/** of the process at each sample: more than one if it ended by itself */
const pids = new Set<number>();
const over = new AbortController();
const stop = (): void => over.abort();
const acts = allActs().filter(({ name }) => name !== 'SIGTERM' && name !== 'Postgres restarted');
const [samples, , faults] = await Promise.all([
  takeSamples(world).finally(stop),
  live({ ...living, later: [], dice: new Dice(seed, 2) }, over.signal).finally(stop),
  disturb(world, new Dice(seed, 3), acts, over.signal).finally(stop),
  letTimePass(world, over.signal),
  deleteOld(world, over.signal),
]);
await endFaults(world);
const { result, wrong } = await judge(world, living, { seed, faults, progress });
const settled = await settle(world);
const left = MUST_BE_EMPTY.filter((name) => settled[name] > 0);
const names = Object.keys(MARGINS) as (keyof Sample)[];
const trends = Object.fromEntries(
  names.map((name) => [
    name,
    trendOf(
      samples.map((sample) => sample[name]),
      MARGINS[name],
    ),
  ]),
);
const growing = names.filter((name) => !trends[name]!.isFlat);
const { kills: _kills, stepsCovered: _steps, pointsCovered: _points, refetched: _refetched, ...counts } = result;
const restarts = pids.size - 1;
const { lost, duplicated, corrupted, ahead, hung } = counts;
console.table([...samples, settled]);
for (const line of [...wrong, ...growing.map((name) => `${name} grows`), ...left.map((name) => `${name}: ${settled[name]} at the end`)]) {
  progress(line);
}
const summary = { minutes, ...counts, restarts, trends, growing, settled, left };
console.log(values.json ? JSON.stringify(summary) : summary);
process.exitCode = lost + duplicated + corrupted + ahead + hung + restarts + growing.length + left.length > 0 ? 1 : 0;

async function takeSamples(world: World): Promise<Sample[]> {
  const taken: Sample[] = [];
  const [start, intervalMs] = [performance.now(), (minutes * 60_000) / SAMPLES];
  while (taken.length < SAMPLES && !over.signal.aborted) {
    await sleep(Math.max(0, start + (taken.length + 1) * intervalMs - performance.now()));
    const { pid, sample } = await takeSample(world);
    pids.add(pid);
    taken.push(sample);
    progress(JSON.stringify(sample));
  }
  return taken;
}

/** Deletes the runs whose time is over, as the service does every hour. */
async function deleteOld({ database }: World, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await deleteOldRuns(database as Queryable, RETENTION_MINUTES / (24 * 60), Number.MAX_SAFE_INTEGER);
    await sleep(1_000);
  }
}

/** Waits until the service has tidied up after its runs. @returns a sample of then */
async function settle(world: World): Promise<Sample> {
  for (const until = performance.now() + SETTLE_MS; ; ) {
    await world.letTimePass();
    const { pid, sample } = await takeSample(world);
    pids.add(pid);
    if (MUST_BE_EMPTY.every((name) => sample[name] === 0) || performance.now() > until) return sample;
    await sleep(1_000);
  }
}
