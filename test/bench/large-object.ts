import { type JobView, WholeService } from './whole-service.ts';

/** Has a field of every Salesforce type: 51 columns. */
export const OBJECT = 'Everything__c';

/** The day before the org becomes active: its rows do not change, except for a few created between midnight and the tick. */
export const NOW = '2023-02-28T12:00:00Z';
export const IMPORTED_UNTIL = '2023-03-01';

export interface Imported {
  rows: number;
  seconds: number;
  /** of the service's process */
  cpuSeconds: number;
  peakMb: number;
  /** the peak at the end divided by the peak after a tenth of the time: 1 if memory does not grow with the number of rows */
  peakGrowth: number;
}

/** Imports all `rows` rows of an object through the whole service. @param hidden fields that the user cannot see */
export async function importLargeObject(rows: number, hidden: readonly string[] = []): Promise<Imported> {
  await using service = await WholeService.start({ now: NOW, size: 100, rows: { [OBJECT]: rows } });
  for (const field of hidden) await service.changeOrg('POST', 'fields', { object: OBJECT, field, change: 'hide' });
  await service.createJob(OBJECT, 'all');
  const before = await service.usage();
  const start = performance.now();
  const peaks = [{ at: 0, peakMb: before.peakMb }];
  const job = await service.importUntil(IMPORTED_UNTIL, async () => {
    peaks.push({ at: performance.now() - start, peakMb: (await service.usage()).peakMb });
  });
  const elapsed = performance.now() - start;
  const { cpuSeconds, peakMb } = await service.usage();
  const early = peaks.findLast(({ at }) => at <= elapsed / 10)!;
  const imported = await requireEqualCounts(service, job);
  return {
    rows: imported,
    seconds: elapsed / 1000,
    cpuSeconds: cpuSeconds - before.cpuSeconds,
    peakMb,
    peakGrowth: peakMb / early.peakMb,
  };
}

/** The receipt of a chain covers only its last run, so the table itself must contain every row exactly once. */
export async function requireEqualCounts(service: WholeService, { table, run }: JobView): Promise<number> {
  const rows = await service.orgRows(OBJECT, IMPORTED_UNTIL);
  const imported = await service.countRows(table);
  const { verdict } = run!.receipt!;
  if (imported !== rows || verdict !== 'exact') throw new Error(`${imported} of ${rows} rows were imported; the verdict is ${verdict}.`);
  return imported;
}
