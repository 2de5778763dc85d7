import { setTimeout as sleep } from 'node:timers/promises';
import { Dice } from '../../app/local/emulators/salesforce/org/dice.ts';
import { type Act, allActs, endFaults } from './acts.ts';
import { type Comparison, compareTable } from './comparison.ts';
import { COMPOSITE } from './composite-watch.ts';
import { Fleet, REPAIRS } from './fleet.ts';
import type { ChaosJob } from './job.ts';
import type { Living } from './living.ts';
import { OrgLife } from './org-life.ts';
import type { Scenario } from './scenarios.ts';
import { shareCalls } from './share-calls.ts';
import { Watermarks } from './watermarks.ts';
import { startWorld, type World } from './world.ts';

/** The last line of the program. */
export interface Result {
  seed: number;
  /** processes killed with SIGKILL */
  kills: number;
  /** everything else that went wrong: see acts.ts */
  faults: number;
  /** in all tables, at the end */
  rows: number;
  lost: number;
  duplicated: number;
  corrupted: number;
  /** moments at which `last_date` was ahead of the data */
  ahead: number;
  /** jobs and repairs that did not finish once nothing disturbed them */
  hung: number;
  /** composite calls that Salesforce answered; replies of them that were cut or stalled; those of which some queries failed and others did not */
  compositeCalls: number;
  compositeCut: number;
  compositeStalled: number;
  compositeHalfFailed: number;
  /** windows with rows that were merged from their staging table, without a delta table */
  shortWindows: number;
  /** Bulk pages requested although BigQuery had loaded them */
  refetched: number;
  /** of the steps that occurred: those before or after which a process was killed */
  stepsCovered: string;
  /** before and after each, by itself */
  pointsCovered: string;
}

export interface Chaos {
  result: Result;
  /** what was wrong, one sentence each */
  wrong: string[];
  /** where a process was killed, in order */
  kills: string[];
  /** the steps at which none was */
  missing: string[];
}

/** The first jobs, and those that are created meanwhile, so that first imports meet violence too. */
const FIRST_JOBS: readonly ChaosJob[] = [
  { object: 'Account', deletes: 'keep', every: '15m', history: true },
  { object: 'Contact', deletes: 'remove', every: '30m' },
];
const LATER_JOBS: readonly ChaosJob[] = [
  { object: 'Opportunity', deletes: 'blank', every: '15m' },
  { object: 'Lead', deletes: 'remove', every: '1h', history: true },
  { object: 'Task', deletes: 'keep', every: '15m' },
  { object: 'Case', deletes: 'remove', every: '20m' },
  { object: 'Everything__c', deletes: 'keep', every: '30m' },
];

export const ALL_JOBS: readonly ChaosJob[] = [...FIRST_JOBS, ...LATER_JOBS];

/** One kill in this many comes at a random moment, the others at a step. */
const RANDOM_KILLS = 5;

/** One kill in this many may come before the process killed last is up again, so that sometimes none is. */
const QUICK_KILLS = 4;

/** A job is created, and a repair requested, once in so many ticks. */
const NEW_JOB_TICKS = 3;
const REPAIR_TICKS = 2;

/** One tick in this many names each job; the others are of all jobs, so that their windows are due together. */
const NAMED_TICKS = 4;

/** A field changes, and an operator acts, once in so many ticks. */
const FIELD_TICKS = 4;
const OPERATOR_TICKS = 2;

/**
 * Kills the processes so often while the org changes, with everything else that may go wrong. Then stops the org, and compares every table
 * with it: first what windows keep current, then, after repairs, everything.
 * @param progress gets a short line now and then
 */
export async function runChaos(seed: number, kills: number, progress: (line: string) => void): Promise<Chaos> {
  await using world = await startWorld(seed);
  const fleet = new Fleet(world);
  const watermarks = new Watermarks(world);
  const life = new OrgLife(world, new Dice(seed, 1));
  for (const job of FIRST_JOBS) if (!(await fleet.create(job))) throw new Error(`The job for ${job.object} was not created.`);
  const over = new AbortController();
  const end = <T>(value: T): T => {
    over.abort();
    return value;
  };
  const fail = (error: unknown): never => {
    over.abort();
    throw error;
  };
  const [, faultCount] = await Promise.all([
    live({ fleet, watermarks, life, dice: new Dice(seed, 2), later: LATER_JOBS }, over.signal).catch(fail),
    disturb(world, new Dice(seed, 3), allActs(), over.signal).catch(fail),
    letTimePass(world, over.signal),
    killOften(world, kills, new Dice(seed, 4), over.signal, progress).then(end),
  ]);
  await endFaults(world);
  progress('windows that share calls');
  await shareCalls(world, { fleet, watermarks, life }, seed);
  await endFaults(world);
  return await judge(world, { fleet, watermarks, life }, { seed, faults: faultCount, progress });
}

/** Plays the scenario of a guard, and compares every table with the org. */
export async function runScenario(scenario: Scenario, seed: number, progress: (line: string) => void): Promise<Chaos> {
  await using world = await startWorld(seed);
  const living = { fleet: new Fleet(world), watermarks: new Watermarks(world), life: new OrgLife(world, new Dice(seed, 1)) };
  await scenario(world, living);
  await endFaults(world);
  return await judge(world, living, { seed, faults: 0, progress });
}

/**
 * Time passes, the org and its fields change, ticks come, jobs are created, repairs are requested, an operator acts.
 * @param later the jobs to create
 */
export async function live(
  { fleet, watermarks, life, dice, later: jobsToCreate }: Living & { dice: Dice; later: readonly ChaosJob[] },
  over: AbortSignal,
): Promise<void> {
  const later = [...jobsToCreate];
  for (let tick = 1; !over.aborted; tick++) {
    const { jobs } = fleet;
    for (const { object } of jobs) life.change(object);
    life.passTime();
    for (const job of jobs) {
      life.change(job.object);
      watermarks.note(job);
    }
    if (dice.onceIn(NAMED_TICKS)) await Promise.all(jobs.map((job) => fleet.tick(job)));
    else await fleet.tickAll();
    await sleep(dice.between(50, 300));
    for (const { object } of jobs) if (dice.onceIn(3)) life.change(object);
    if (tick % REPAIR_TICKS === 0) await fleet.repair(dice.pick(jobs), dice.pick(REPAIRS));
    if (tick % FIELD_TICKS === 0) life.changeField(dice.pick(jobs).object);
    if (tick % OPERATOR_TICKS === 1) await fleet.operate(dice.pick(jobs), dice);
    const [next] = tick % NEW_JOB_TICKS === 0 ? later : [];
    // A fault may prevent it.
    if (next && (await fleet.create(next))) later.shift();
    await sleep(dice.between(200, 800));
    for (const job of jobs) await watermarks.check(job);
  }
}

export async function letTimePass(world: World, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await sleep(500);
    await world.letTimePass();
  }
}

/** Each act of a shuffled deck, again and again. @returns how many */
export async function disturb(world: World, dice: Dice, acts: readonly Act[], over: AbortSignal): Promise<number> {
  for (let count = 0, deck = shuffled(acts, dice); ; count++) {
    await sleep(dice.between(700, 2_000));
    if (over.aborted) return count;
    if (deck.length === 0) deck = shuffled(acts, dice);
    await deck.pop()!.run(world, dice);
  }
}

function shuffled(acts: readonly Act[], dice: Dice): Act[] {
  return acts
    .map((act) => ({ act, place: dice.next() }))
    .sort((one, other) => one.place - other.place)
    .map(({ act }) => act);
}

async function killOften(world: World, kills: number, dice: Dice, over: AbortSignal, progress: (line: string) => void): Promise<void> {
  const { violence, processes } = world;
  while (violence.kills.length < kills && !over.aborted) {
    if (!dice.onceIn(QUICK_KILLS)) await Promise.all(processes.map((process) => process.ready()));
    await sleep(dice.between(200, 1_000));
    if (violence.kills.length % RANDOM_KILLS === RANDOM_KILLS - 1) await violence.kill(dice.pick(processes), 'a random moment');
    else await violence.killAtStep();
    const { covered, known } = violence.coverage.steps;
    progress(`kill ${violence.kills.length}/${kills}, steps ${covered}/${known}: ${violence.kills.at(-1)}`);
  }
}

/** Lets everything finish, and compares every table with the org. */
export async function judge(
  world: World,
  { fleet, watermarks, life }: Living,
  { seed, faults, progress }: { seed: number; faults: number; progress: (line: string) => void },
): Promise<Chaos> {
  const { jobs } = fleet;
  const lastDate = stopClock(world);
  life.showAll();
  // A new login, so that the fields are described again.
  await world.connect();
  await fleet.resumeAll();
  for (const job of jobs) watermarks.note(job);
  progress(`windows until ${lastDate.toISOString()}`);
  let hung = await fleet.finishWindows(lastDate);
  for (const job of jobs) await watermarks.check(job);
  const compare = (purged: ReadonlySet<string>, except: (job: ChaosJob, field: string) => boolean): Promise<Comparison[]> => {
    const options = { lastDate: lastDate.toISOString(), purged };
    return Promise.all(jobs.map((job) => compareTable(world, job, { ...options, except: (field) => except(job, field) })));
  };
  const changesWithoutStamp = (job: ChaosJob, field: string): boolean =>
    isCalculated(world, job, field) || life.changedFields.has(`${job.object}.${field}`);
  const byWindows = await compare(life.purged, changesWithoutStamp);
  progress('repairs');
  if (hung === 0) hung = await fleet.repairAll();
  // Only a sweep notices what left no trace.
  const repaired = await compare(fleet.repaired.has('sweep') ? new Set() : life.purged, () => false);
  const sum = (what: 'lost' | 'duplicated' | 'corrupted'): number =>
    jobs.reduce((total, _job, index) => total + Math.max(byWindows[index]![what], repaired[index]![what]), 0);
  const { steps, points, missing } = world.violence.coverage;
  const result: Result = {
    seed,
    kills: world.violence.kills.length,
    faults,
    rows: repaired.reduce((total, { rows }) => total + rows, 0),
    lost: sum('lost'),
    duplicated: sum('duplicated'),
    corrupted: sum('corrupted'),
    ahead: watermarks.ahead,
    hung,
    compositeCalls: world.composites.calls,
    compositeCut: world.violence.countMet(COMPOSITE, 'cut'),
    compositeStalled: world.violence.countMet(COMPOSITE, 'stall'),
    compositeHalfFailed: world.composites.halfFailed,
    shortWindows: await countShortWindows(world),
    refetched: world.pages.refetched,
    stepsCovered: `${steps.covered}/${steps.known}`,
    pointsCovered: `${points.covered}/${points.known}`,
  };
  const examples = [...watermarks.examples, ...[byWindows, repaired].flatMap((all) => all.flatMap((each) => each.examples.slice(0, 5)))];
  const wrongObjects = jobs.map(({ object }) => object).filter((object) => examples.some((example) => example.startsWith(`${object} `)));
  return {
    result,
    wrong: [...examples, ...fleet.unfinished, ...(await describeRuns(world, wrongObjects))],
    kills: world.violence.kills,
    missing,
  };
}

async function countShortWindows({ database }: World): Promise<number> {
  const { rows } = await database.query<{ count: string }>(
    `SELECT count(*) FROM runs WHERE kind = 'window' AND state = 'succeeded' AND (receipt->>'delta_rows')::bigint > 0
       AND NOT EXISTS (SELECT FROM billed WHERE run_id = runs.id AND statement LIKE '%\\_delta\\_%')`,
  );
  return Number(rows[0]!.count);
}

/** Stops the org's clock just after a midnight. @returns that midnight */
function stopClock({ salesforce: { clock } }: World): Date {
  const midnight = new Date(clock.now());
  midnight.setUTCHours(24, 0, 0, 0);
  clock.set(new Date(midnight.getTime() + 10 * 60_000));
  return midnight;
}

function isCalculated({ salesforce }: World, { object }: ChaosJob, field: string): boolean {
  return salesforce.org.table(object)?.field(field)?.facts.calculated === true;
}

/** The runs that did not end well, and all runs of the jobs whose tables are wrong, oldest first. */
async function describeRuns({ database }: World, objects: readonly string[]): Promise<string[]> {
  const { rows } = await database.query<{ text: string }>(
    `SELECT concat_ws(' ', object_name, kind, runs.id, runs.state, 'from', window_from, 'to', window_to, 'attempt', attempt, 'failures', failures,
       error_code, error_message, 'started', runs.started_at, 'finished', runs.finished_at, runs.receipt->>'methods') AS text
     FROM runs JOIN jobs ON jobs.id = runs.job_id WHERE object_name = ANY($1) OR runs.state NOT IN ('succeeded', 'cancelled')
     ORDER BY object_name, runs.created_at`,
    [objects],
  );
  return rows.map(({ text }) => text);
}
