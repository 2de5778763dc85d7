// Proves that a process of the service neither grows nor loses rows while it syncs under faults for minutes, without being killed.
//   npm run soak -- --minutes 10 --json   the last line on stdout is one JSON object
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Dice } from '../../app/local/emulators/salesforce/org/dice.ts';
import { allActs, endFaults } from '../chaos/acts.ts';
import { Fleet } from '../chaos/fleet.ts';
import { OrgLife } from '../chaos/org-life.ts';
import { ALL_JOBS, disturb, judge, letTimePass, live } from '../chaos/run-chaos.ts';
import { Watermarks } from '../chaos/watermarks.ts';
import { startWorld, type World } from '../chaos/world.ts';
import { trendOf } from './trend.ts';

/** What is sampled, and by how much its median may rise between the second and the last quarter. */
const MARGINS = { rssMb: 30, resources: 20, descriptors: 20, sockets: 20, postgresConnections: 4, leftTables: 20 };
type Sample = Record<keyof typeof MARGINS, number>;
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
]);
await endFaults(world);
const { result, wrong } = await judge(world, living, { seed, faults, progress });
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
console.table(samples);
for (const line of [...wrong, ...growing.map((name) => `${name} grows`)]) progress(line);
const summary = { minutes, ...counts, restarts, trends, growing };
console.log(values.json ? JSON.stringify(summary) : summary);
process.exitCode = lost + duplicated + corrupted + ahead + hung + restarts + growing.length > 0 ? 1 : 0;

async function takeSamples(world: World): Promise<Sample[]> {
  const taken: Sample[] = [];
  const [start, intervalMs] = [performance.now(), (minutes * 60_000) / SAMPLES];
  while (taken.length < SAMPLES && !over.signal.aborted) {
    await sleep(Math.max(0, start + (taken.length + 1) * intervalMs - performance.now()));
    taken.push(await takeSample(world));
    progress(JSON.stringify(taken.at(-1)));
  }
  return taken;
}

async function takeSample({ processes: [service], database, rows }: World): Promise<Sample> {
  const { pid, resources } = await service!.collectGarbage();
  pids.add(pid);
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const { rows: connections } = await database.query<{ count: string }>('SELECT count(*) FROM pg_stat_activity WHERE client_port > 0');
  const tables = await rows(`SELECT table_name FROM salesforce_staging.INFORMATION_SCHEMA.TABLES`);
  return {
    rssMb: Math.round(kilobytes / 1024),
    resources: resources.length,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    sockets: resources.filter((name) => /socket|TCP/i.test(name)).length,
    postgresConnections: Number(connections[0]?.count ?? 0),
    leftTables: tables.length,
  };
}
