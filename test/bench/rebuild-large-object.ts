import { IMPORTED_UNTIL, NOW, OBJECT, requireEqualCounts } from './large-object.ts';
import { WholeService } from './whole-service.ts';

export interface Rebuilt {
  rows: number;
  seconds: number;
  /** of the service's process */
  cpuSeconds: number;
}

/** Imports all `rows` rows of an object through the whole service, then rebuilds its table. @param hidden fields that the user cannot see */
export async function rebuildLargeObject(rows: number, hidden: readonly string[]): Promise<Rebuilt> {
  await using service = await WholeService.start({ now: NOW, size: 100, rows: { [OBJECT]: rows } });
  for (const field of hidden) await service.changeOrg('POST', 'fields', { object: OBJECT, field, change: 'hide' });
  await service.createJob(OBJECT, 'all');
  await service.importUntil(IMPORTED_UNTIL);
  const before = await service.usage();
  const start = performance.now();
  const job = await service.repair('rebuild');
  const seconds = (performance.now() - start) / 1000;
  const { cpuSeconds } = await service.usage();
  const rebuilt = await requireEqualCounts(service, { ...job, run: job.repair });
  return { rows: rebuilt, seconds, cpuSeconds: cpuSeconds - before.cpuSeconds };
}
