import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Limits } from '../../../app/core/connections/limits.ts';
import { startService } from '../../support/service.ts';

/** Anything that Salesforce stores as text: no empty one, and no lone surrogates. */
const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).filter((text) => text.isWellFormed());
const records = fc.record({
  Name: texts,
  Description: fc.option(
    fc.oneof(texts, fc.constantFrom('a,"b"\n\r\n"', '\u0000', '""', "'", '\\', '\ufeffbom', 'NULL', ' blank ', '\u2028')),
  ),
  AnnualRevenue: fc.option(fc.double({ min: -1e12, max: 1e12, noNaN: true }).map((number) => Math.round(number * 100) / 100)),
  NumberOfEmployees: fc.option(fc.integer({ min: 0, max: 99_999_999 })),
});

/** All that a service imported, by Id, without what names the run. */
async function importAll(limits: Partial<Limits>, rows: Record<string, unknown>[]): Promise<Map<unknown, string>> {
  await using service = await startService({ limits });
  const userId = await service.connect();
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  for (const row of rows) service.salesforce.org.insert('Account', row as Parameters<typeof service.salesforce.org.insert>[1]);
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK: /);
  const imported = await service.rows('SELECT * EXCEPT (_run, _synced_at) FROM salesforce.Account');
  return new Map(imported.map((row) => [row.Id, JSON.stringify(row)]));
}

test('imports the same values by REST and by Bulk', async () => {
  const property = fc.asyncProperty(fc.array(records, { minLength: 40, maxLength: 60, size: 'max' }), async (rows) => {
    const [byRest, byBulk] = await Promise.all([
      importAll({}, rows),
      importAll({ restRows: 0, firstPageRows: 13, pageTextBytes: 20_000 }, rows),
    ]);
    expect(byRest).toEqual(byBulk);
    const descriptions = new Set([...byRest.values()].map((row) => (JSON.parse(row) as { Description: string | null }).Description));
    for (const { Description } of rows) expect(descriptions).toContain(Description);
  });
  // Each runs two whole services: a failure is reported with its seed and not shrunk.
  await fc.assert(property, { numRuns: 2, endOnFailure: true });
}, 60_000);
