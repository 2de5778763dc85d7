import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Connected, connect } from './connect.ts';

let connected: Connected;

beforeAll(async () => {
  connected = await connect({ size: 300 });
});
afterAll(() => connected.emulator.close());

interface Subreply {
  body: { totalSize: number; records: object[]; nextRecordsUrl: string; Name?: string }[] & { totalSize: number; nextRecordsUrl: string };
  httpHeaders: Record<string, string>;
  httpStatusCode: number;
  referenceId: string;
}

async function composite(urls: string[], httpHeaders?: Record<string, string>, allOrNone = false): Promise<Subreply[]> {
  const compositeRequest = urls.map((url, index) => ({
    method: 'GET',
    url,
    referenceId: `r${index}`,
    ...(httpHeaders && { httpHeaders }),
  }));
  const body = JSON.stringify({ allOrNone, compositeRequest });
  const headers = { 'Content-Type': 'application/json' };
  const reply = await connected.connection.request<{ compositeResponse: Subreply[] }>({
    method: 'POST',
    url: '/services/data/v66.0/composite',
    body,
    headers,
  });
  return reply.compositeResponse;
}

const queryUrl = (soql: string, resource = 'query') => `/services/data/v66.0/${resource}?q=${encodeURIComponent(soql)}`;

describe('a composite request', () => {
  test('returns queries, next pages and records, each with its own status', async () => {
    const id = connected.emulator.org.insert('Account', { Name: 'Complete' });
    const [all, one, wrong] = await composite(
      [
        queryUrl('SELECT Id FROM Contact', 'queryAll'),
        `/services/data/v66.0/sobjects/Account/${id}`,
        queryUrl('SELECT Bacon FROM Account'),
      ],
      { 'Sforce-Query-Options': 'batchSize=200' },
    );
    expect(all).toMatchObject({ httpStatusCode: 200, referenceId: 'r0', body: { done: false } });
    expect(one).toMatchObject({ httpStatusCode: 200, body: { Name: 'Complete' } });
    expect(wrong).toMatchObject({ httpStatusCode: 400, body: [{ errorCode: 'INVALID_FIELD' }] });
    const [next] = await composite([all?.body.nextRecordsUrl ?? '']);
    expect(next?.body.totalSize).toBe(all?.body.totalSize);
  });

  test('accepts a query that is too long for a URL', async () => {
    const soql = `SELECT Id FROM Account WHERE Name IN ('${Array.from({ length: 2000 }, (_, index) => `name ${index}`).join("','")}')`;
    expect((await connected.ask(queryUrl(soql))).status).toBe(414);
    expect(await composite([queryUrl(soql)])).toMatchObject([{ httpStatusCode: 200, body: { done: true } }]);
  });

  test('contains at most five queries, and counts as one API call', async () => {
    const calls = async () => connected.emulator.limits.of('DailyApiRequests').Remaining;
    const before = await calls();
    await composite(Array<string>(5).fill(queryUrl('SELECT COUNT() FROM Account')));
    expect(await calls()).toBe(before - 1);
    const tooMany = { httpStatusCode: 400, referenceId: null, body: [{ errorCode: 'LIMIT_EXCEEDED' }] };
    expect(await composite(Array<string>(6).fill(queryUrl('SELECT COUNT() FROM Account')))).toMatchObject([tooMany]);
    expect(await composite(Array<string>(26).fill('/services/data/v66.0/sobjects/Account/describe'))).toMatchObject([tooMany]);
  });

  test('describes objects, without a body if the client has the description', async () => {
    const path = '/services/data/v66.0/sobjects/Account/describe';
    const [whole] = await composite([path]);
    expect(whole).toMatchObject({ httpStatusCode: 200, body: { name: 'Account', fields: expect.any(Array) } });
    const lastModified = whole!.httpHeaders['Last-Modified']!;
    const [known] = await composite([path], { 'If-Modified-Since': lastModified });
    expect(known).toMatchObject({ httpStatusCode: 304, body: null, httpHeaders: { 'Last-Modified': lastModified } });
  });

  test('is refused as a whole if a subrequest names a header that it inherits', async () => {
    await expect(composite([queryUrl('SELECT Id FROM Account')], { Accept: 'application/json' })).rejects.toThrow('accept');
  });

  test('returns an error for every subrequest with allOrNone, if one fails', async () => {
    const urls = [queryUrl('SELECT Id FROM Account'), queryUrl('SELECT Bacon FROM Account')];
    expect(await composite(urls, {}, true)).toMatchObject([
      { httpStatusCode: 400, body: [{ errorCode: 'PROCESSING_HALTED' }] },
      { httpStatusCode: 400, body: [{ errorCode: 'INVALID_FIELD' }] },
    ]);
  });

  test('fails or delays the subrequest that a fault names', async () => {
    const { faults } = connected.emulator;
    faults.arm({ kind: 'subrequest', match: { path: 'FROM Contact' } });
    faults.arm({ kind: 'subrequest', status: 200, everyMs: 200, match: { path: 'FROM Account' } });
    const startedAt = performance.now();
    expect(await composite([queryUrl('SELECT Id FROM Contact'), queryUrl('SELECT Id FROM Account')])).toMatchObject([
      { httpStatusCode: 400, body: [{ errorCode: 'QUERY_TIMEOUT' }] },
      { httpStatusCode: 200 },
    ]);
    expect(performance.now() - startedAt).toBeGreaterThan(190);
  });
});

describe('a request', () => {
  test('returns 414 for a URL that is too long, and 431 for too many headers', async () => {
    const long = await connected.ask(queryUrl(`SELECT Id FROM Account WHERE Name = '${'x'.repeat(16_384)}'`));
    const wide = await connected.ask('/services/data/v66.0/limits', { headers: { 'X-Wide': 'x'.repeat(16_384) } });
    expect([long.status, wide.status]).toEqual([414, 431]);
  });

  test('that accepts gzip gets its JSON compressed', async () => {
    const path = '/services/data/v66.0/sobjects/Account/describe';
    const [compressed, plain] = await Promise.all(
      ['gzip', 'identity'].map((encoding) => connected.ask(path, { headers: { 'Accept-Encoding': encoding } })),
    );
    expect([compressed?.headers.get('Content-Encoding'), plain?.headers.get('Content-Encoding')]).toEqual(['gzip', null]);
    expect(await compressed?.text()).toBe(await plain?.text());
  });
});

describe('describe global', () => {
  test('lists as many objects as a real org, with their associated objects', async () => {
    const { sobjects } = await connected.connection.describeGlobal();
    expect(sobjects.length).toBeGreaterThan(1190);
    expect(sobjects.length).toBeLessThan(1300);
    const names = sobjects.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)].sort());
    const keyPrefixes = sobjects.flatMap(({ keyPrefix }) => keyPrefix ?? []);
    expect(new Set(keyPrefixes).size).toBe(keyPrefixes.length);
    const associated = (name: string) => {
      const found = sobjects.find((sobject) => sobject.name === name) as unknown as Record<string, unknown>;
      return [found.associateEntityType, found.associateParentEntity, found.queryable];
    };
    expect(associated('AccountHistory')).toEqual(['History', 'Account', true]);
    expect(associated('Everything__Share')).toEqual(['Share', 'Everything__c', true]);
    expect(associated('ContactFeed')).toEqual(['Feed', 'Contact', true]);
    expect(associated('LeadChangeEvent')).toEqual(['ChangeEvent', 'Lead', false]);
  });

  test('lists objects without rows, which can be described and queried', async () => {
    const { fields, custom } = await connected.connection.describe('ShopVisit__c');
    expect([custom, fields.length > 5]).toEqual([true, true]);
    expect((await connected.connection.query('SELECT Id, Name FROM Product2')).totalSize).toBe(0);
    await expect(connected.connection.query('SELECT Id FROM AccountChangeEvent')).rejects.toMatchObject({
      errorCode: 'INVALID_TYPE_FOR_OPERATION',
    });
  });
});
