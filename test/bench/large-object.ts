import { type JobView, WholeService } from './whole-service.ts';

/** Has a field of every type that Salesforce knows: 51 columns. */
const OBJECT = 'Everything__c';

/** The day before the org begins to live: its rows stand still, but for a few that it makes between midnight and the tick. */
const NOW = '2023-02-28T12:00:00Z';
const IMPORTED_UNTIL = '2023-03-01';

export interface Imported {
  rows: number;
  seconds: number;
  /** of the service's process */
  cpuSeconds: number;
  peakMb: number;
  /** its peak at the end over its peak after a tenth of the time: 1 where memory does not grow with what is imported */
  peakGrowth: number;
}

/** Imports an object of so many rows from its beginning through the whole service. @param hidden fields that the user does not see */
export async function importLargeObject(rows: number, hidden: readonly string[] = []): Promise<Imported> {
  await using service = await WholeService.start({ now: NOW, size: 100, rows: { [OBJECT]: rows } });
  for (const field of hidden) await service.tellOrg('POST', 'fields', { object: OBJECT, field, change: 'hide' });
  await service.createJob(OBJECT, 'all');
  const before = await service.usage();
  const began = performance.now();
  const peaks = [{ at: 0, peakMb: before.peakMb }];
  const job = await service.importUntil(IMPORTED_UNTIL, async () => {
    peaks.push({ at: performance.now() - began, peakMb: (await service.usage()).peakMb });
  });
  const took = performance.now() - began;
  const { cpuSeconds, peakMb } = await service.usage();
  const early = peaks.findLast(({ at }) => at <= took / 10)!;
  const imported = await requireEqualCounts(service, job);
  return {
    rows: imported,
    seconds: took / 1000,
    cpuSeconds: cpuSeconds - before.cpuSeconds,
    peakMb,
    peakGrowth: peakMb / early.peakMb,
  };
}

/** Of a chain, the receipt is its last run's: the table itself must have all rows, and each of them once. */
async function requireEqualCounts(service: WholeService, { table, run }: JobView): Promise<number> {
  const rows = await service.orgRows(OBJECT, IMPORTED_UNTIL);
  const counted = await service.countRows(table);
  const { verdict } = run!.receipt!;
  if (counted !== rows || verdict !== 'exact') throw new Error(`${counted} of ${rows} rows arrived; the verdict is ${verdict}.`);
  return counted;
}
