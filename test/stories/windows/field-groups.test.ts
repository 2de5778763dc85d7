import { afterEach, describe, expect, test } from '@jest/globals';
import type { Limits } from '../../../app/core/connections/limits.ts';
import { type Call, type GatewayService, jsonReply, refusal, startGatewayService } from '../../support/gateway.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** Queries whose fields are too many for Salesforce are divided by fields, never by rows. */
let service: GatewayService;

afterEach(() => service[Symbol.asyncDispose]());

const TICK = '2023-03-20T00:10:00Z';
const TEXT = 'Query is either selecting too many fields or the filter conditions are too complicated.';

const FORMULAS = Array.from({ length: 6 }, (_, index) => `Formula_${index}__c`);

async function start(limits: Partial<Limits> = {}, env: NodeJS.ProcessEnv = {}): Promise<void> {
  service = await startGatewayService({ limits, env, salesforce: { size: 60 } });
  await service.call('create_importing_job', { user_id: await service.connect(), object_name: 'Account', start_date: '2023-03-01' });
}

function addFormulas(): void {
  for (const [index, field] of FORMULAS.entries()) {
    const value = `value of ${index}`;
    service.salesforce.org.changeField('Account', { field, change: 'add', type: 'string', facts: { calculated: true }, value });
  }
}

/** How Salesforce refuses: REST always; Bulk when a job is created, or when it ends. */
type Way = 'at once' | 'by a Bulk job that fails';

/** Refuses queries that are too complicated. @returns the queries that were refused so far */
function refuse(isTooComplicated: (fields: string[]) => boolean, way: Way, api: 'both' | 'bulk' = 'both'): string[] {
  const refused: string[] = [];
  const doomed = new Set<string>();
  service.instance.handler = async (call, pass) => {
    const fields = fieldsOf(call);
    const isQuery = fields.length > 1 && isTooComplicated(fields) && (call.method === 'POST' || api === 'both');
    if (isQuery) refused.push(call.soql);
    if (isQuery && (call.method === 'GET' || way === 'at once')) return refusal('QUERY_TOO_COMPLICATED', TEXT);
    const reply = await pass();
    if (isQuery) doomed.add((JSON.parse(reply.body) as { id: string }).id);
    const bulkJob = /\/jobs\/query\/([^/]+)$/.exec(call.url)?.[1];
    if (call.method !== 'GET' || !bulkJob || !doomed.has(bulkJob)) return reply;
    const job = JSON.parse(reply.body) as { state: string };
    if (job.state !== 'JobComplete') return reply;
    return jsonReply(200, { ...job, state: 'Failed', numberRecordsProcessed: 0, errorMessage: `QUERY_TOO_COMPLICATED: ${TEXT}` });
  };
  return refused;
}

const fieldsOf = ({ soql }: Call): string[] => (/^SELECT (Id, .*?) FROM/.exec(soql)?.[1] ?? '').split(', ');
const countFormulas = (fields: string[]): number => fields.filter((field) => field.startsWith('Formula_')).length;

const receipt = async (): Promise<Record<string, unknown>> => (await service.jobs())[0]!.run!.receipt;

/** Each row has its values of all formulas. */
async function expectFormulas(): Promise<void> {
  const right = FORMULAS.map((field, index) => `IFNULL(${field} = 'value of ${index}', FALSE)`).join(' AND ');
  expect(await service.rows(`SELECT COUNT(*) > 0 AS has_rows, COUNTIF(NOT (${right})) AS wrong FROM salesforce.Account`)).toEqual([
    { has_rows: true, wrong: 0 },
  ]);
}

async function importNextDay(): Promise<void> {
  const { org, clock } = service.salesforce;
  clock.set(new Date('2023-03-20T10:00:00Z'));
  const edited = [...org.records('Account')].find((record) => !record.IsDeleted)!;
  org.update('Account', String(edited.Id), { Name: 'edited' });
  await service.tickAt('2023-03-21T00:10:00Z');
  await expectWholeTable(service, 'Account', '2023-03-21');
}

describe('an object with too many fields for one query', () => {
  test.each<[Way, 'both' | 'bulk', Partial<Limits>]>([
    ['at once', 'both', {}],
    ['by a Bulk job that fails', 'both', {}],
    ['at once', 'bulk', { restRows: 0 }],
    ['by a Bulk job that fails', 'bulk', { restRows: 0 }],
  ])('is read in groups: refused %s, by %s', async (way, api, limits) => {
    await start(limits);
    const refused = refuse((fields) => fields.length > 30, way, api);
    await service.tickAt(TICK);
    await expectWholeTable(service);
    expect(refused.length).toBeLessThanOrEqual(6);
    expect(await receipt()).toMatchObject({ torn: 0, field_groups: 4, verdict: 'exact', fields_skipped: [] });
    const { length } = refused;
    await importNextDay();
    expect(refused).toHaveLength(length);
  });

  test('costs one call where its window has no rows', async () => {
    await start();
    refuse((fields) => fields.length > 30, 'at once');
    await service.tickAt(TICK);
    const { org, clock } = service.salesforce;
    clock.set(new Date('2023-03-21T00:10:00Z'));
    for (const record of [...org.records('Account')]) {
      if (String(record.SystemModstamp) >= '2023-03-19T23:50:00') org.purge('Account', String(record.Id));
    }
    service.instance.calls.length = 0;
    await service.tickAt('2023-03-21T00:10:00Z');
    expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-21', run: { receipt: { staged: 0, verdict: 'exact' } } });
    expect(service.instance.calls.filter(({ url }) => url.startsWith('/services/data/'))).toHaveLength(1);
  });
});

describe('an object whose calculated fields are too complicated', () => {
  test('is read in two groups, with and without them', async () => {
    await start();
    addFormulas();
    const refused = refuse((fields) => countFormulas(fields) > 0 && fields.length > 20, 'at once');
    await service.tickAt(TICK);
    await expectWholeTable(service);
    await expectFormulas();
    expect(refused).toHaveLength(1);
    expect(await receipt()).toMatchObject({ torn: 0, field_groups: 2, verdict: 'exact' });
    await importNextDay();
    await expectFormulas();
    expect(refused).toHaveLength(1);
  });

  test('is read in slices, each group in its own', async () => {
    await start({ restRows: 0, sliceRows: 40 });
    addFormulas();
    service.salesforce.faults.arm({ kind: 'too-complicated', calculated: 3, match: { method: 'POST' } });
    await service.tickAt(TICK);
    await expectWholeTable(service);
    await expectFormulas();
    const { rows } = await service.database.pool.query(
      'SELECT field_group, count(*)::int > 1 AS cut FROM slices GROUP BY field_group ORDER BY field_group',
    );
    expect(rows).toEqual([0, 1, 2].map((field_group) => ({ field_group, cut: true })));
  });

  test('a field that is too complicated by itself is left out and listed on the receipt', async () => {
    await start();
    addFormulas();
    const refused = refuse((fields) => fields.includes('Formula_4__c') || countFormulas(fields) > 4, 'at once');
    await service.tickAt(TICK);
    await expectWholeTable(service);
    expect(await receipt()).toMatchObject({ fields_skipped: ['Formula_4__c (QUERY_TOO_COMPLICATED)'] });
    const { length } = refused;
    expect(length).toBeLessThanOrEqual(6);
    await importNextDay();
    expect(refused).toHaveLength(length);
  });

  test('keeps its groups when the run is interrupted', async () => {
    await start();
    addFormulas();
    const refused = refuse((fields) => countFormulas(fields) > 0 && fields.length > 20, 'at once');
    const { handler } = service.instance;
    let failures = 2;
    service.instance.handler = (call, pass) => {
      if (call.soql.startsWith('SELECT Id, SystemModstamp, Formula_0__c') && failures-- > 0) {
        // The next attempt knows as little as another process.
        service.context.describes.forget(1, 'Account');
        return refusal('SERVER_UNAVAILABLE', '', 503);
      }
      return handler(call, pass);
    };
    await service.tickAt(TICK);
    await expectWholeTable(service);
    await expectFormulas();
    expect(refused).toHaveLength(1);
    expect(service.logged.join('')).toContain('run_interrupted');
  });
});

test('rows that change between the queries of their fields are left to the next window', async () => {
  await start();
  refuse((fields) => fields.length > 40, 'at once');
  const { handler } = service.instance;
  const { org } = service.salesforce;
  let edited: string | undefined;
  service.instance.handler = async (call, pass) => {
    // Before the second group is read.
    if (!edited && call.soql.startsWith('SELECT Id, SystemModstamp, ')) {
      const record = [...org.records('Account')].find(({ IsDeleted, CreatedDate }) => !IsDeleted && String(CreatedDate) < '2023-03-20')!;
      edited = String(record.Id);
      org.update('Account', edited, { Name: 'edited while being read' });
    }
    return await handler(call, pass);
  };
  await service.tickAt(TICK);
  expect(await receipt()).toMatchObject({ torn: 1 });
  const named = async (): Promise<unknown> => await service.rows(`SELECT Name FROM salesforce.Account WHERE Id = '${edited}'`);
  expect(await named()).toEqual([]);
  await service.tickAt('2023-03-21T00:10:00Z');
  expect(await named()).toEqual([{ Name: 'edited while being read' }]);
  await expectWholeTable(service, 'Account', '2023-03-21');
});

test('an object that Bulk refuses and whose query is too long for REST without composite calls is read in groups by REST', async () => {
  await start({}, { SALESFORCE_COMPOSITE: 'off' });
  const fields = Array.from({ length: 270 }, (_, index) => `A_name_as_long_as_admins_may_choose_${String(index).padStart(4, '0')}__c`);
  for (const field of fields) service.salesforce.org.changeField('Account', { field, change: 'add', type: 'string', value: `in ${field}` });
  service.instance.handler = (call, pass) =>
    call.method === 'POST' && call.soql !== '' ? refusal('INVALIDENTITY', "Entity 'Account' is not supported by the Bulk API.") : pass();
  await service.tickAt(TICK);
  await expectWholeTable(service);
  expect(await receipt()).toMatchObject({ torn: 0, field_groups: 2, verdict: 'exact' });
  const last = fields.at(-1)!;
  expect(await service.rows(`SELECT DISTINCT ${last} AS last FROM salesforce.Account`)).toEqual([{ last: `in ${last}` }]);
});

test('a long window of an object in groups is imported by a chain of runs', async () => {
  await start({ restRows: 0, sliceRows: 30, runSlices: 2 });
  addFormulas();
  service.salesforce.faults.arm({ kind: 'too-complicated', calculated: 3, match: { method: 'POST' } });
  await service.tickAt(TICK);
  await expectWholeTable(service);
  await expectFormulas();
  const { rows } = await service.database.pool.query(
    "SELECT count(*)::int AS runs, bool_and(receipt->>'torn' = '0') AS whole FROM runs WHERE state = 'succeeded'",
  );
  expect(rows[0].runs).toBeGreaterThan(1);
  expect(rows[0].whole).toBe(true);
});

test('an object whose Id and stamp are too complicated fails with the reason', async () => {
  await start();
  const refused = refuse(() => true, 'at once');
  await service.tickAt(TICK);
  expect((await service.jobs())[0]!.run).toMatchObject({
    state: 'failed',
    error: { code: 'salesforce_refused', message: expect.stringContaining('QUERY_TOO_COMPLICATED') },
  });
  expect(refused.length).toBeLessThanOrEqual(10);
});
