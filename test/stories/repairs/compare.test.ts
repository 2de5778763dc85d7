import { afterEach, expect, test } from '@jest/globals';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import type { RunView, TestServiceOptions } from '../../support/service.ts';

/** Comparing the rows in BigQuery with those in Salesforce, which writes nothing. */
let service: GatewayService;
let ids: string[];
/** the org's own records that were imported as well */
let others: number;

afterEach(() => service[Symbol.asyncDispose]());

/** Imports three records, of which the last is then deleted. Nothing happens in the org meanwhile. */
async function importThree(deletes = 'keep', options: TestServiceOptions = {}): Promise<void> {
  service = await startGatewayService({ salesforce: { now: '2023-02-01T00:10:00Z' }, ...options });
  const { org, clock } = service.salesforce;
  clock.set(new Date('2023-02-05T10:00:00Z'));
  ids = ['One', 'Two', 'Three'].map((Name) => org.insert('Account', { Name, AnnualRevenue: 12.5 }));
  const fields = { user_id: await service.connect(), object_name: 'Account', start_date: '2023-02-01', deletes };
  await service.call('create_importing_job', fields);
  await service.tickAt('2023-02-06T00:10:00Z');
  org.remove('Account', ids[2]!);
  await service.tickAt('2023-02-07T00:10:00Z');
  const [row] = await service.rows(
    `SELECT COUNT(*) AS n FROM salesforce.Account WHERE Id NOT IN ('${ids.join(`', '`)}') AND SystemModstamp < '2023-02-07'`,
  );
  others = Number(row!.n);
}

const compare = async (fields: Record<string, string> = {}): Promise<RunView> =>
  await service.repair('reimport', { compare: 'true', ...fields });
const contents = async (): Promise<string> => JSON.stringify(await service.rows('SELECT * FROM salesforce.Account ORDER BY Id'));

test.each(['keep', 'blank', 'remove'])('finds no difference after an import with deletes=%s, and writes nothing', async (deletes) => {
  await importThree(deletes);
  const before = await contents();
  expect(await compare()).toMatchObject({
    kind: 'reimport',
    compare: true,
    state: 'succeeded',
    receipt: {
      verdict: 'exact',
      equal: 3 + others,
      different: 0,
      absent: 0,
      not_judged: 0,
      different_by_column: {},
      inserted: 0,
    },
  });
  expect(await contents()).toBe(before);
});

test('counts differing rows by column, and missing rows, with their first and last Id', async () => {
  await importThree();
  const [one, two, three] = [...ids].sort() as [string, string, string];
  await service.rows(`UPDATE salesforce.Account SET Name = NULL WHERE Id IN ('${one}', '${two}')`);
  await service.rows(`UPDATE salesforce.Account SET AnnualRevenue = 12.6 WHERE Id = '${one}'`);
  await service.rows(`DELETE FROM salesforce.Account WHERE Id = '${three}'`);
  const before = await contents();
  expect((await compare()).receipt).toMatchObject({
    equal: others,
    different: 2,
    absent: 1,
    different_by_column: { Name: 2, AnnualRevenue: 1 },
    different_ids: `${one} to ${two}`,
    absent_ids: `${three} to ${three}`,
  });
  expect((await compare({ ids: two })).receipt).toMatchObject({ different: 1, absent: 0, different_by_column: { Name: 1 } });
  expect(await contents()).toBe(before);
  expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-02-07' });
});

test('does not judge rows that were synced, or stamped, after what the window imported', async () => {
  await importThree('keep', { limits: { repairMarginMs: 60_000 } });
  expect((await compare()).receipt).toMatchObject({ not_judged: 3 + others, equal: 0, different: 0 });
  await service.rows(`UPDATE salesforce.Account SET _synced_at = TIMESTAMP '2023-02-07 00:00:00+00' WHERE TRUE`);
  service.salesforce.clock.set(new Date('2023-02-07T10:00:00Z'));
  service.salesforce.org.update('Account', ids[0]!, { Name: 'Edited' });
  expect((await compare({ ids: ids.join() })).receipt).toMatchObject({ not_judged: 1, equal: 2, different: 0 });
});

test('reports a new field, without adding its column or storing its invalid values', async () => {
  await importThree();
  service.salesforce.org.changeField('Account', { field: 'Rank2__c', change: 'add', type: 'double', value: 1 });
  const before = await contents();
  expect((await compare()).receipt).toMatchObject({ equal: 3 + others, columns_not_compared: ['Rank2__c'], columns_added: [] });
  expect(await contents()).toBe(before);
});

test('takes no table lease: windows merge while it reads, also with deletes=remove', async () => {
  await importThree('remove');
  let held: (() => void) | undefined;
  service.instance.handler = async ({ soql }, pass) => {
    if (!held && soql.startsWith('SELECT Id,')) await new Promise<void>((resolve) => (held = resolve));
    return await pass();
  };
  const running = compare();
  while (!held) await new Promise((resolve) => setTimeout(resolve, 10));
  service.salesforce.org.update('Account', ids[0]!, { Name: 'Edited' });
  expect((await service.tickAt('2023-02-08T00:10:00Z')).text).toMatch(/^OK/);
  (held as () => void)();
  // The edited row has left the range that is compared.
  expect((await running).receipt).toMatchObject({ equal: 2 + others, different: 0, absent: 0 });
});

test('survives a kill before it is counted as succeeded, and does not read its rows again', async () => {
  await importThree();
  const { pool } = service.database;
  await pool.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''killed''; END'`);
  await pool.query(`CREATE TRIGGER fail AFTER UPDATE ON runs FOR EACH ROW WHEN (NEW.state = 'succeeded') EXECUTE FUNCTION fail()`);
  const comparing = compare();
  const hasFailed = async (): Promise<boolean> =>
    (await pool.query(`SELECT FROM runs WHERE kind = 'reimport' AND failures > 0`)).rowCount === 1;
  while (!(await hasFailed())) await new Promise((resolve) => setTimeout(resolve, 5));
  await service.stopWorker();
  await pool.query('DROP TRIGGER fail ON runs');
  await pool.query(`UPDATE runs SET failures = 0, run_at = now() WHERE kind = 'reimport'`);
  service.instance.calls.length = 0;
  service.startWorker();
  expect((await comparing).receipt).toMatchObject({ equal: 3 + others, different: 0, absent: 0 });
  expect(service.instance.calls.filter(({ soql }) => soql.startsWith('SELECT Id,'))).toEqual([]);
});
