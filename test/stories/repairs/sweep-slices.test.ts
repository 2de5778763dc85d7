import { afterEach, describe, expect, test } from '@jest/globals';
import { OUR_LABELS } from '../../../app/bigquery/our-labels.ts';
import { type GatewayService, startGateway } from '../../support/gateway.ts';
import { NEARBY, type TestServiceOptions } from '../../support/service.ts';
import { type Deletes, differences, expectEqualAfterSweep, importAccounts, sweep } from '../../support/sweeps.ts';
import { differencesFromOrg, type TableOptions } from '../../support/whole-table.ts';

/** Sweeps of several slices, and sweeps that are interrupted. */
let service: GatewayService;
let ids: string[];

afterEach(() => service[Symbol.asyncDispose]());

async function importFirst(options: TestServiceOptions & { deletes?: Deletes } = {}): Promise<void> {
  ({ service, ids } = await importAccounts(options));
}

describe('a sweep of several slices', () => {
  const SLICES = { restRows: 0, sliceRows: 15, runSlices: 2, firstPageRows: 10, pageTextBytes: 8_000 };

  test('compares the whole table, in more slices than a run of windows may have', async () => {
    await importFirst();
    service.limit(SLICES);
    service.salesforce.org.purge('Account', ids[0]!);
    await service.rows(`DELETE FROM salesforce.Account WHERE Id = '${ids[1]}'`);
    const run = await expectEqualAfterSweep(service, { missing: 1, absent: 1 });
    const { rows } = await service.database.pool.query(`SELECT count(*) AS slices FROM slices WHERE run_id = $1`, [run.id]);
    expect(rows[0].slices).toBeGreaterThan(2);
  });

  test.each<Deletes>(['keep', 'blank', 'remove'])(
    'repairs what was wrong while the org changes between the slices, with deletes=%s',
    async (deletes) => {
      await importFirst({ deletes });
      service.limit(SLICES);
      const { org } = service.salesforce;
      org.purge('Account', ids[0]!);
      await service.rows(`DELETE FROM salesforce.Account WHERE Id = '${ids[1]}'`);
      const victims = [...org.records('Account')]
        .filter((record) => !record.IsDeleted && !ids.includes(String(record.Id)))
        .map((record) => String(record.Id));
      const changes = [
        () => org.insert('Account', { Name: 'New' }),
        () => org.update('Account', victims[0]!, { Name: 'Edited' }),
        () => org.remove('Account', victims[1]!),
        () => org.purge('Account', victims[2]!),
        () => org.undelete('Account', victims[1]!),
        () => org.purge('Account', victims[3]!),
      ];
      let bulkJobs = 0;
      service.instance.handler = async (call, pass) => {
        if (call.method === 'POST' && call.soql.startsWith('SELECT Id,')) changes[bulkJobs++ % changes.length]!();
        return await pass();
      };
      expect(await sweep(service)).toMatchObject({ state: 'succeeded' });
      expect(bulkJobs).toBeGreaterThan(2);
      service.instance.handler = (_call, pass) => pass();
      service.limit(NEARBY);
      await service.tickAt('2023-03-21T00:10:00Z');
      expect(await sweep(service)).toMatchObject({ state: 'succeeded' });
      const due: TableOptions['isDue'] = (record) =>
        String(record.CreatedDate) < '2023-03-21' && String(record.SystemModstamp) >= '2023-03-01';
      expect(await differencesFromOrg(service, 'Account', { isDue: due, deletes })).toEqual([]);
    },
  );
});

/** The jobs of a sweep; without EVERY_CALL=1, those whose loss is the most different. */
const JOBS =
  process.env.EVERY_CALL === '1' ? ['_compare_', '_swept_', '_ids_', '_found_', '_copies_', '_mark_', '_erase_'] : ['_found_', '_mark_'];

describe('a sweep whose worker is lost', () => {
  test.each(JOBS)('right after BigQuery has executed its job %s is completed by another', async (job) => {
    let emulator = '';
    const gateway = await startGateway(() => emulator);
    await importFirst({
      deletes: 'blank',
      beforeBigQuery: async (url) => {
        emulator = url;
        return gateway.url;
      },
    });
    const { org } = service.salesforce;
    const [purged, removed, doubled, hidden] = ids as [string, string, string, string];
    const schema = ['object', 'id', 'column', 'value', 'run'].map((name) => ({ name, type: 'STRING' }));
    await service.client.dataset('salesforce').createTable('_invalid_values', { schema, labels: OUR_LABELS });
    await service.rows(`INSERT INTO salesforce._invalid_values (object, id) VALUES ('Account', '${purged}'), ('Account', '${removed}')`);
    org.purge('Account', purged);
    await service.rows(`DELETE FROM salesforce.Account WHERE Id = '${removed}'`);
    await service.rows(`INSERT INTO salesforce.Account SELECT * FROM salesforce.Account WHERE Id = '${doubled}'`);
    org.changeAccess('Account', 'hide', hidden);
    service.instance.handler = async ({ soql }, pass) => {
      if (soql.includes(' WHERE Id IN (')) org.changeAccess('Account', 'show', hidden);
      return await pass();
    };
    let lost = false;
    gateway.handler = async (call, pass) => {
      const reply = await pass();
      if (lost || call.method !== 'POST' || !call.body.includes(job)) return reply;
      lost = true;
      // Its lease expires at once, so that another claim takes the run over while this worker still works.
      await service.database.pool.query(`UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running'`);
      throw new Error('The response is lost.');
    };
    expect(await sweep(service)).toMatchObject({ state: 'succeeded', receipt: { missing: 1, absent: 1, different: 1, duplicates: 1 } });
    expect(await differences(service, { deletes: 'blank' })).toEqual([]);
    expect(lost).toBe(true);
    expect(await service.rows('SELECT id FROM salesforce._invalid_values')).toEqual([{ id: removed }]);
    await gateway.close();
  });
});
