import { startIdleService } from './idle-service.ts';
import { importLargeObject } from './large-object.ts';
import { measureLists } from './lists.ts';
import { measureLivePages } from './live-pages.ts';
import { syncManyObjects } from './many-objects.ts';
import { median } from './median.ts';
import { DataPlane } from './move/data-plane.ts';
import { measureQueue } from './queue.ts';
import { rebuildLargeObject } from './rebuild-large-object.ts';
import { measureRequests } from './requests.ts';
import { sharedWindowCost } from './shared-window-cost.ts';
import { SWEPT_COLUMNS, sweepObject } from './sweep-object.ts';
import { windowCost } from './window-cost.ts';

/** Figures by name. */
export type Figures = Record<string, number>;

/** Forwarding pages takes a fraction of a second, so other load on the machine affects it: more rounds. */
const PIPE_ROUNDS = 7;
const ROUNDS = 3;

/** The emulators set the pace and take minutes. These figures have no limit, so one round is enough. */
const WHOLE_ROWS = 1_000_000;

/** The service compared with the minimum possible work. The ratios are of runs in the same round. */
export async function againstPipe(plane: DataPlane): Promise<Figures> {
  const cpu: number[] = [];
  const cold: number[] = [];
  const tuned: number[] = [];
  for (let round = 0; round < PIPE_ROUNDS; round++) {
    const pipe = await plane.move('move-by-pipe', 1);
    const service = await plane.move('move-by-service', 1);
    cpu.push(service.cpuSeconds / pipe.cpuSeconds);
    cold.push(service.coldCpuSeconds! / pipe.coldCpuSeconds!);
    const tunedPipe = await plane.move('move-by-tuned-pipe', 1);
    tuned.push(service.cpuSeconds / tunedPipe.cpuSeconds);
  }
  return { cpuVsPipe: median(cpu), coldCpuVsPipe: median(cold), cpuVsTunedPipe: median(tuned) };
}

/** The service compared with connectors that parse every row. The ratios are of runs in the same round. */
export async function againstParsing(plane: DataPlane): Promise<Figures> {
  const cpu: number[] = [];
  const time: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const service = await plane.move('move-by-service', 1);
    const parsing = await plane.move('move-by-parsing', 1);
    cpu.push(service.cpuSeconds / parsing.cpuSeconds);
    time.push(service.seconds / parsing.seconds);
  }
  return { cpuVsParse: median(cpu), timeVsParse: median(time) };
}

/** Whether memory grows with the number of pages. */
export async function memory(plane: DataPlane): Promise<Figures> {
  const growth: number[] = [];
  const peaks: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const million = await plane.move('move-by-service', 1);
    const tenMillion = await plane.move('move-by-service', 10);
    growth.push(tenMillion.peakMb / million.peakMb);
    peaks.push(tenMillion.peakMb);
  }
  return { rssGrowth: median(growth), rssMb: median(peaks) };
}

/** The start of the service from the production file set, and its memory while nothing is due. */
export async function start(): Promise<Figures> {
  const starts = await startIdleService(ROUNDS);
  return { startSeconds: median(starts.map(({ startSeconds }) => startSeconds)), idleRssMb: median(starts.map(({ rssMb }) => rssMb)) };
}

/** How many calls and jobs a window costs. The counts are exact, so one round is enough. */
export async function windows(): Promise<Figures> {
  const { emptyCalls: emptyCallsAlone, smallCalls: smallCallsAlone, ...alone } = await windowCost();
  return { ...(await sharedWindowCost()), emptyCallsAlone, smallCallsAlone, ...alone };
}

/** Ticks with 10,000 jobs, and empty windows. The machine's other load affects both. */
export async function queue(): Promise<Figures> {
  return { ...(await measureQueue()) };
}

/** Requests while four runs import. The machine's other load affects both. */
export async function requests(): Promise<Figures> {
  return { ...(await measureRequests()) };
}

/** Lists with 10,000 jobs and 100,000 runs. The machine's other load affects them. */
export async function lists(): Promise<Figures> {
  return { ...(await measureLists()) };
}

/** Open pages of the console while runs are in progress. */
export async function live(): Promise<Figures> {
  return { ...(await measureLivePages()) };
}

/** A large object end to end, including the emulators' share of the work. */
export async function whole(): Promise<Figures> {
  const { rows, seconds, cpuSeconds } = await importLargeObject(WHOLE_ROWS);
  return { wholeRows: rows, wholeRowsPerSecond: rows / seconds, wholeCpu: cpuSeconds };
}

/** A sweep of a large object, compared with the minimum possible work for its rows. */
export async function sweep(): Promise<Figures> {
  const { rows, seconds, cpuSeconds } = await sweepObject(WHOLE_ROWS);
  await using plane = await DataPlane.start(SWEPT_COLUMNS);
  const pipes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) pipes.push((await plane.move('move-by-pipe', WHOLE_ROWS / 1e6)).cpuSeconds);
  return { sweepRows: rows, sweepSeconds: seconds, sweepCpu: cpuSeconds, sweepCpuVsPipe: cpuSeconds / median(pipes) };
}

/** Long texts, and values that are expensive for the emulators. Without them, 40 columns remain. */
const HIDDEN = 'Any__c Area__c Card__c Category__c DaysOverdue__c Huge__c Imported__c Json__c LongArea__c OwnerName__c RichArea__c'.split(
  ' ',
);

/** The columns that are left. */
const LARGE_COLUMNS = 40;

/** A rebuild of a large object's table, compared with the minimum possible work for its rows. */
export async function rebuild(): Promise<Figures> {
  const { rows, seconds, cpuSeconds } = await rebuildLargeObject(WHOLE_ROWS, HIDDEN);
  await using plane = await DataPlane.start(LARGE_COLUMNS);
  const pipes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) pipes.push((await plane.move('move-by-pipe', WHOLE_ROWS / 1e6)).cpuSeconds);
  return {
    rebuildRows: rows,
    rebuildRowsPerSecond: rows / seconds,
    rebuildCpu: cpuSeconds,
    rebuildCpuVsPipe: cpuSeconds / median(pipes),
  };
}

/** Imports `rows` rows of 40 columns. @throws Error if the counts differ */
export async function large(rows: number): Promise<Figures> {
  const imported = await importLargeObject(rows, HIDDEN);
  return {
    largeRows: imported.rows,
    largeSeconds: imported.seconds,
    largeCpu: imported.cpuSeconds,
    largeRssMb: imported.peakMb,
    largeRssGrowth: imported.peakGrowth,
  };
}

/** All objects of an org, set up by one file and imported. @throws Error if one is not complete */
export async function manyObjects(objects: number): Promise<Figures> {
  const { jobs, ...synced } = await syncManyObjects(objects);
  return {
    objectsJobs: jobs,
    objectsSetupSeconds: synced.setupSeconds,
    objectsSetupCalls: synced.setupCallsPerJob,
    objectsImportSeconds: synced.importSeconds,
    objectsImportCalls: synced.importCallsPerJob,
    objectsCpu: synced.cpuSeconds,
    objectsRepeatedSeconds: synced.repeatedSeconds,
  };
}
