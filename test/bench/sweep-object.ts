import { WholeService } from './whole-service.ts';

const OBJECT = 'Case';

/** The fields that a sweep reads of it: Id, IsDeleted, SystemModstamp and, because the table is partitioned, CreatedDate. */
export const SWEPT_COLUMNS = 4;

/** The day before the org becomes active: its rows do not change, except for a few created between midnight and the tick. */
const NOW = '2023-02-28T12:00:00Z';

export interface Swept {
  rows: number;
  seconds: number;
  /** of the service's process */
  cpuSeconds: number;
}

/** Imports all `rows` rows of an object through the whole service, and measures a sweep of them. @throws Error if any differs */
export async function sweepObject(rows: number): Promise<Swept> {
  await using service = await WholeService.start({ now: NOW, size: 100, rows: { [OBJECT]: rows } });
  await service.createJob(OBJECT, 'all');
  const { table } = await service.importUntil('2023-03-01');
  const imported = await service.countRows(table);
  const before = await service.usage();
  const start = performance.now();
  const { repair } = await service.repair('sweep');
  const seconds = (performance.now() - start) / 1000;
  const { cpuSeconds } = await service.usage();
  const equal = repair!.receipt!.equal!;
  if (equal !== imported) throw new Error(`The sweep found ${equal} of ${imported} rows to be equal.`);
  return { rows: equal, seconds, cpuSeconds: cpuSeconds - before.cpuSeconds };
}
