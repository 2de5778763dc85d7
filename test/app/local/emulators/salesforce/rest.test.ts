import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Connected, connect } from './connect.ts';

let connected: Connected;

beforeAll(async () => {
  connected = await connect({ size: 400 });
});
afterAll(() => connected.emulator.close());

interface QueryPage {
  totalSize: number;
  nextRecordsUrl: string;
  records: { Id: string }[];
}

const queryPath = (soql: string, resource = 'query') => `/services/data/v66.0/${resource}?q=${encodeURIComponent(soql)}`;

describe('the resources', () => {
  test('list the API versions without a session, and without counting the call', async () => {
    const reply = await fetch(`${connected.emulator.instanceUrl}/services/data`);
    const versions = (await reply.json()) as object[];
    expect(reply.headers.get('Sforce-Limit-Info')).toBeNull();
    expect(versions[0]).toEqual({ label: "Summer '14", url: '/services/data/v31.0', version: '31.0' });
    expect(versions.at(-1)).toEqual({ label: "Spring '26", url: '/services/data/v66.0', version: '66.0' });
  });

  test('list every object, and which cannot be queried', async () => {
    const { encoding, maxBatchSize, sobjects } = await connected.connection.describeGlobal();
    expect({ encoding, maxBatchSize }).toEqual({ encoding: 'UTF-8', maxBatchSize: 200 });
    const queryable = Object.fromEntries(sobjects.map((sobject) => [sobject.name, sobject.queryable]));
    expect(queryable).toMatchObject({
      Account: true,
      Contact: true,
      Opportunity: true,
      AppDefinition: true,
      CaseStatus: true,
      ActivityHistory: false,
    });
  });

  test('describe an object by its name in any case', async () => {
    const { name, fields } = await connected.connection.describe('aCCount');
    expect(name).toBe('Account');
    expect(fields.find((field) => field.name === 'BillingAddress')?.type).toBe('address');
    expect(fields.find((field) => field.name === 'BillingCity')?.compoundFieldName).toBe('BillingAddress');
  });

  test('return 304 to a client that already has the describe', async () => {
    const path = '/services/data/v66.0/sobjects/Contact/describe';
    const first = await connected.ask(path);
    const etag = first.headers.get('ETag') ?? '';
    const modified = first.headers.get('Last-Modified') ?? '';
    expect((await connected.ask(path, { headers: { 'If-None-Match': etag } })).status).toBe(304);
    expect((await connected.ask(path, { headers: { 'If-Modified-Since': modified } })).status).toBe(304);
    expect((await connected.ask(path, { headers: { 'If-None-Match': '"other"' } })).status).toBe(200);
  });

  test.each([
    ['/services/data/v66.0/sobjects/Nothing/describe'],
    ['/services/data/v66.0/nothing'],
    ['/services/data/vNope/limits'],
    ['/services/data/v67.0/limits'],
  ])('return NOT_FOUND for %s', async (path) => {
    const reply = await connected.ask(path);
    expect([reply.status, await reply.json()]).toEqual([
      404,
      [{ errorCode: 'NOT_FOUND', message: 'The requested resource does not exist' }],
    ]);
  });

  test('return 410 for a retired version', async () => {
    expect((await connected.ask('/services/data/v29.0/limits')).status).toBe(410);
  });

  test("report the API usage in a header that jsforce reads, and the org's time in Date", async () => {
    const reply = await connected.ask('/services/data/v66.0/limits');
    expect(reply.headers.get('Sforce-Limit-Info')).toMatch(/^api-usage=\d+\/15000$/);
    expect(reply.headers.get('Date')).toBe('Mon, 20 Mar 2023 00:10:00 GMT');
    expect(await connected.connection.limits()).toMatchObject({ DailyApiRequests: { Max: 15000 }, DailyBulkV2QueryJobs: { Max: 10000 } });
    expect(connected.connection.limitInfo).toMatchObject({ apiUsage: { limit: 15000 } });
  });

  test('estimate record counts', async () => {
    const reply = await connected.ask('/services/data/v66.0/limits/recordCount?sObjects=TaskStatus,Nothing,ActivityHistory');
    expect(await reply.json()).toEqual({ sObjects: [{ count: 3, name: 'TaskStatus' }] });
  });
});

describe('a query', () => {
  test('counts rows without returning them', async () => {
    const { totalSize, done, records } = await connected.connection.query('SELECT COUNT() FROM Account');
    const living = [...connected.emulator.org.records('Account')].filter((record) => record.IsDeleted === false);
    expect({ totalSize, done, records }).toEqual({ totalSize: living.length, done: true, records: [] });
  });

  test('finds deleted rows only as queryAll', async () => {
    const ids = async (scanAll: boolean) =>
      new Set(
        (await connected.connection.query('SELECT Id FROM Account', { autoFetch: true, maxFetch: 100_000, scanAll })).records.map(
          ({ Id }) => Id,
        ),
      );
    const all = [...connected.emulator.org.records('Account')];
    expect(await ids(true)).toEqual(new Set(all.map(({ Id }) => Id)));
    expect(await ids(false)).toEqual(new Set(all.filter(({ IsDeleted }) => !IsDeleted).map(({ Id }) => Id)));
  });

  test('returns pages by an opaque cursor, which can be read again', async () => {
    const headers = { 'Sforce-Query-Options': 'batchSize=200' };
    const read = async (path: string) => (await (await connected.ask(path, { headers })).json()) as QueryPage;
    const first = await read(queryPath('SELECT Id FROM Contact', 'queryAll'));
    expect(first).toMatchObject({ done: false, nextRecordsUrl: expect.stringMatching(/^\/services\/data\/v66\.0\/query\/0r8\w{15}-200$/) });
    expect(first.records).toHaveLength(200);
    connected.emulator.org.purge('Contact', first.records[0]?.Id ?? '');
    const second = await read(first.nextRecordsUrl);
    const again = await read(first.nextRecordsUrl);
    expect(second.totalSize).toBe(first.totalSize);
    expect(again).toEqual(second);
  });

  test('refuses an unknown cursor', async () => {
    const reply = await connected.ask('/services/data/v66.0/query/0r85e0000000000AAA-2000');
    expect([reply.status, await reply.json()]).toEqual([400, [{ message: 'invalid query locator', errorCode: 'INVALID_QUERY_LOCATOR' }]]);
  });

  test('nests parents, and shows a missing parent as null', async () => {
    const { org } = connected.emulator;
    const account = org.insert('Account', { Name: 'Parent' });
    const child = org.insert('Contact', { LastName: 'Child', AccountId: account });
    const orphan = org.insert('Contact', { LastName: 'Orphan', MailingCity: 'Bern' });
    const find = async (id: string) =>
      (
        await connected.connection.query(
          `SELECT Name, Account.Name, Account.Parent.Name, MailingAddress, CreatedDate FROM Contact WHERE Id = '${id}'`,
        )
      ).records[0];
    expect(await find(child)).toMatchObject({
      attributes: { type: 'Contact', url: `/services/data/v66.0/sobjects/Contact/${child}` },
      Account: { attributes: { type: 'Account' }, Name: 'Parent', Parent: null },
      MailingAddress: null,
    });
    expect(await find(orphan)).toMatchObject({
      Name: 'Orphan',
      Account: null,
      MailingAddress: { city: 'Bern', country: null },
      CreatedDate: '2023-03-20T00:10:00.000+0000',
    });
  });

  test('that is too long for a URL is refused', async () => {
    const soql = `SELECT Id FROM Account WHERE Name = '${'x'.repeat(16_000)}'`;
    expect([414, 431]).toContain((await connected.ask(queryPath(`${soql} ${' '.repeat(400)}`))).status);
  });
});
