import { afterEach, describe, expect, test } from '@jest/globals';
import { type GatewayService, startGateway, startGatewayService } from '../../support/gateway.ts';
import type { JobView, TestServiceOptions } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** Rows that are committed, or edited, while their window is read. */
let service: GatewayService;

afterEach(() => service[Symbol.asyncDispose]());

async function start(options: TestServiceOptions = {}): Promise<void> {
  service = await startGatewayService({ salesforce: { rows: { Account: 10 } }, ...options });
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01' });
}

const receipt = async (): Promise<Record<string, unknown>> => ((await service.jobs())[0] as JobView).run!.receipt!;

/** Does something before each of Salesforce's COUNT()s after a reading, at most so often. */
function beforeCount(times: number, change: () => void): void {
  let left = times;
  service.instance.handler = async (call, pass) => {
    if (call.soql.startsWith('SELECT COUNT()') && left-- > 0) change();
    return await pass();
  };
}

const commitLate = (): void => {
  const stamp = '2023-03-19T12:00:00.000Z';
  service.salesforce.org.insert('Account', { Name: 'Late', CreatedDate: stamp, SystemModstamp: stamp });
};

const generations = async (): Promise<number[]> =>
  (await service.database.pool.query<{ generation: number }>('SELECT generation FROM slices')).rows.map(({ generation }) => generation);

const lowerBounds = (): (string | undefined)[] =>
  service.instance.calls.map(({ soql }) => /^SELECT Id,.*SystemModstamp >= (\S+)/s.exec(soql)?.[1]).filter(Boolean);

test('a row that is edited while its slice is read again is in the table', async () => {
  await start({ limits: { sliceRows: 30 } });
  service.salesforce.clock.set(new Date('2023-03-01T10:00:00Z'));
  const id = service.salesforce.org.insert('Account', { Name: 'Moving' });
  let [counts, isRepeated] = [0, false];
  service.instance.handler = async ({ soql }, pass) => {
    const isClosed = soql.includes('SystemModstamp <') && !soql.includes(' OR ');
    // The row is counted in its slice after that was read, and leaves it when it is read again.
    if (soql.startsWith('SELECT COUNT()') && isClosed && counts++ === 0) {
      service.salesforce.org.insert('Account', {
        Name: 'Late',
        CreatedDate: '2023-03-01T12:00:00.000Z',
        SystemModstamp: '2023-03-01T12:00:00.000Z',
      });
    }
    if (soql.startsWith('SELECT Id,') && service.instance.calls.filter((call) => call.soql === soql).length === 2 && !isRepeated) {
      isRepeated = true;
      service.salesforce.org.update('Account', id, { Name: 'Moved' });
    }
    return await pass();
  };
  await service.tickAt('2023-03-20T00:10:00Z');
  expect(isRepeated).toBe(true);
  await expectWholeTable(service);
  expect(await service.rows(`SELECT Name FROM salesforce.Account WHERE Id = '${id}'`)).toEqual([{ Name: 'Moved' }]);
});

describe('a row that is committed late', () => {
  test('is read by a second reading', async () => {
    await start();
    beforeCount(1, commitLate);
    await service.tickAt('2023-03-20T00:10:00Z');
    await expectWholeTable(service);
    expect(await receipt()).toMatchObject({ verdict: 'exact', reread_from: null });
    expect(await generations()).toEqual([2]);
  });

  test('during the second reading is read by the next window', async () => {
    await start();
    // Each reading that misses a row counts twice: the whole slice, and what is stamped before its end.
    beforeCount(3, commitLate);
    const { text } = await service.tickAt('2023-03-20T00:10:00Z');
    expect(text).toMatch(/^OK: Account is complete .*; Salesforce committed some rows late, .*: Account from 2023-03-01 00:00 UTC$/);
    expect(await service.jobs()).toMatchObject([{ reread_from: '2023-03-01T00:00:00.000Z' }]);
    expect(await receipt()).toMatchObject({ reread_from: '2023-03-01T00:00:00.000Z' });
    expect((await receipt()).verdict).toMatch(/^within /);

    service.instance.calls.length = 0;
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(lowerBounds()).toEqual(['2023-03-01T00:00:00Z']);
    await expectWholeTable(service, 'Account', '2023-03-21');
    expect(await service.jobs()).toMatchObject([{ reread_from: null }]);

    service.instance.calls.length = 0;
    await service.tickAt('2023-03-22T00:10:00Z');
    expect(lowerBounds()).toEqual(['2023-03-20T23:50:00Z']);
  });
});

test('a row edited after its window costs no second reading', async () => {
  await start();
  service.salesforce.clock.set(new Date('2023-03-02T10:00:00Z'));
  const id = service.salesforce.org.insert('Account', { Name: 'Old' });
  await service.tickAt('2023-03-10T00:10:00Z');
  beforeCount(1, () => service.salesforce.org.update('Account', id, { Name: 'Edited' }));
  await service.tickAt('2023-03-20T00:10:00Z');
  expect(await receipt()).toMatchObject({ verdict: 'within 1', reread_from: null });
  expect(await generations()).toEqual([1, 1]);
  service.instance.handler = (_call, pass) => pass();
  await service.tickAt('2023-03-21T00:10:00Z');
  expect(await service.rows(`SELECT Name FROM salesforce.Account WHERE Id = '${id}'`)).toEqual([{ Name: 'Edited' }]);
});

test('rows lost right after the first import are noticed before last_date moves', async () => {
  let emulatorUrl = '';
  const gateway = await startGateway(() => emulatorUrl);
  const beforeBigQuery = async (url: string): Promise<string> => {
    emulatorUrl = url;
    return gateway.url;
  };
  await start({ beforeBigQuery });
  gateway.handler = async (call, pass) => {
    if (call.body.includes('target_rows')) await service.rows('DELETE FROM salesforce.Account WHERE true');
    return await pass();
  };
  await service.tickAt('2023-03-20T00:10:00Z');
  await gateway.close();
  const [job] = await service.jobs();
  expect(job).toMatchObject({ last_date: '2023-03-01', run: { state: 'failed', error: { code: 'count_mismatch' } } });
  expect(job!.run!.error!.message).toContain('the target table has 0 rows after its first import');
});
