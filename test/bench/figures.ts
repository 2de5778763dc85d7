import type { DataPlane } from './data-plane.ts';
import { importLargeObject } from './large-object.ts';
import { median } from './median.ts';
import { windowCost } from './window-cost.ts';

/** Figures by name. */
export type Figures = Record<string, number>;

/** Passing pages on takes a fraction of a second: what else the machine does shows in it, so it is done more often. */
const PIPE_ROUNDS = 7;
const ROUNDS = 3;

/** The emulators, not the service, sets the pace, and takes minutes for so many. Reported only, so once is enough. */
const WHOLE_ROWS = 1_000_000;

/** The service's way against the least that can be done, by ratios within a round. */
export async function againstPipe(plane: DataPlane): Promise<Figures> {
  const cpu: number[] = [];
  const cold: number[] = [];
  for (let round = 0; round < PIPE_ROUNDS; round++) {
    const pipe = await plane.move('move-by-pipe', 1);
    const service = await plane.move('move-by-service', 1);
    cpu.push(service.cpuSeconds / pipe.cpuSeconds);
    cold.push(service.coldCpuSeconds! / pipe.coldCpuSeconds!);
  }
  return { cpuVsPipe: median(cpu), coldCpuVsPipe: median(cold) };
}

/** The service's way against that of connectors which read every row, by ratios within a round. */
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

/** What a window costs in calls and jobs: counted, so once is enough. */
export async function windows(): Promise<Figures> {
  return { ...(await windowCost()) };
}

/** The whole way of a large object, the emulators' share of the work included. */
export async function whole(): Promise<Figures> {
  const { rows, seconds, cpuSeconds } = await importLargeObject(WHOLE_ROWS);
  return { wholeRows: rows, wholeRowsPerSecond: rows / seconds, wholeCpu: cpuSeconds };
}

/** Long texts, and values that cost the emulators more than others: without them 40 columns are left. */
const HIDDEN = 'Any__c Area__c Card__c Category__c DaysOverdue__c Huge__c Imported__c Json__c LongArea__c OwnerName__c RichArea__c'.split(
  ' ',
);

/** Imports so many rows of 40 columns. @throws when the counts differ */
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
