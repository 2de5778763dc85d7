import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bulkRows, type Connected, connect, createJob, finish } from './connect.ts';

const FOLDER = '../shared/recordings/salesforce';
const describeRecorded = existsSync(FOLDER) ? describe : describe.skip;

interface Recording {
  response: { status: number; headers: Record<string, string | string[]>; body: string };
}

interface Keyed {
  [key: string]: unknown;
}

let connected: Connected;

beforeAll(async () => {
  connected = await connect({ size: 200 });
});
afterAll(() => connected.emulator.close());

const read = (name: string): string => readFileSync(`${FOLDER}/${name}`, 'utf8');
const recording = (name: string): Recording['response'] => (JSON.parse(read(name)) as Recording).response;

/** Headers that a browser's security needs or that only https has are left out. */
const NOT_OURS = ['content-security-policy', 'x-xss-protection'];

function headerNames(headers: Record<string, unknown>): string[] {
  return Object.keys(headers)
    .map((name) => name.toLowerCase())
    .filter((name) => !NOT_OURS.includes(name))
    .sort();
}

/** Every header of the recording is there, and those that carry meaning are the same. */
function expectHeaders(reply: Response, recorded: Recording['response']): void {
  expect(headerNames(Object.fromEntries(reply.headers))).toEqual(expect.arrayContaining(headerNames(recorded.headers)));
  for (const name of ['Content-Type', 'Vary', 'WWW-Authenticate', 'Cache-Control']) {
    expect([name, reply.headers.get(name)]).toEqual([name, recorded.headers[name] ?? null]);
  }
}

const jobPath = (version = 'v53.0') => `/services/data/${version}/jobs/query`;
const SOQL = 'SELECT Name, Type, Industry FROM Account';

/** A job of the recordings' API version, complete. */
async function recordedJob(): Promise<{ id: string; created: Response; text: string }> {
  const body = JSON.stringify({ operation: 'query', query: SOQL, contentType: 'CSV', columnDelimiter: 'COMMA', lineEnding: 'LF' });
  const created = await connected.ask(jobPath(), { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
  const text = await created.text();
  const { id } = JSON.parse(text) as { id: string };
  await finish(connected, id);
  return { id, created, text };
}

describeRecorded('as recorded from real orgs', () => {
  test('a job is created and shown with the same keys in the same order, and the same headers', async () => {
    const { id, created, text } = await recordedJob();
    const recordedCreate = recording('bulk2/bulk-query-create.v53.sf-fx.json');
    expect(Object.entries(JSON.parse(text) as Keyed).map(kind)).toEqual(Object.entries(JSON.parse(recordedCreate.body) as Keyed).map(kind));
    expect(text).toContain('"apiVersion":53.0,');
    expectHeaders(created, recordedCreate);
    const recordedInfo = recording('bulk2/bulk-query-get-info.v53.sf-fx.json');
    const info = await connected.ask(`${jobPath()}/${id}`);
    expectHeaders(info, recordedInfo);
    expect(Object.entries((await info.json()) as Keyed).map(kind)).toEqual(
      Object.entries(JSON.parse(recordedInfo.body) as Keyed).map(kind),
    );
  });

  test('results have the same headers and the same form of CSV', async () => {
    const { id } = await recordedJob();
    for (const [address, name] of [
      [`${jobPath()}/${id}/results`, 'bulk2/bulk-query-get-results.v53.sf-fx.json'],
      [`${jobPath()}/${id}/results?maxRecords=10`, 'bulk2/bulk-query-get-results-limited.v53.sf-fx.json'],
    ] as const) {
      const page = await connected.ask(address);
      const recorded = recording(name);
      expectHeaders(page, recorded);
      const form = /^"Name","Type","Industry"\n(?:"(?:[^"]|"")*","(?:[^"]|"")*","(?:[^"]|"")*"\n)*$/;
      expect(recorded.body).toMatch(form);
      expect(await page.text()).toMatch(form);
      expect(page.headers.get('Sforce-Locator') === 'null').toBe(recorded.headers['Sforce-Locator'] === 'null');
    }
  });

  test('the rows of a recorded page come back byte for byte from an org that has them', async () => {
    const recorded = read('bulk2/query_results_13rows_one_page.sf-fx.csv');
    const rows = [...recorded.matchAll(/^"(.*)","(.*)","(.*)"$/gm)].slice(1);
    for (const [, Name = '', Type = '', Industry = ''] of rows)
      connected.emulator.org.insert('Account', { Name, Type, Industry, AccountNumber: 'recorded' });
    const soql = `${SOQL} WHERE AccountNumber = 'recorded'`;
    expect(new Set((await bulkRows(connected, soql)).map((row) => row.join('|')))).toEqual(
      new Set(rows.map((row) => row.slice(1).join('|'))),
    );
    const { id } = await createJob(connected, soql);
    await finish(connected, id);
    const page = await (await connected.ask(`/services/data/v66.0/jobs/query/${id}/results`)).text();
    expect(page.split('\n').sort()).toEqual(recorded.split('\n').sort());
  });

  test('a deleted job is answered alike', async () => {
    const { id } = await recordedJob();
    const reply = await connected.ask(`${jobPath()}/${id}`, { method: 'DELETE' });
    const recorded = recording('bulk2/bulk-query-delete.v53.sf-fx.json');
    expect(reply.status).toBe(recorded.status);
    expectHeaders(reply, recorded);
  });

  test.each([
    ['/services/data/v53.0/query?q=SELECT+Bacon__c+FROM+Account+LIMIT+2', 'errors/invalid_field_400.sf-fx.json'],
    ['/services/data/v53.0/query?q=SELEKT+Name+FROM+Account', 'errors/malformed_query_400.sf-fx.json'],
    ['/services/data/v53.0/sobjects/PlayingCard__c', 'errors/not_found_404.sf-fx.json'],
    ['/services/data/viAmABadVersion/sobjects/Account', 'errors/bad_version_404.sf-fx-node.json'],
  ])('%s is refused in the same words', async (path, name) => {
    const reply = await connected.ask(path);
    const recorded = recording(name);
    expect([reply.status, await reply.text()]).toEqual([recorded.status, recorded.body]);
    expectHeaders(reply, recorded);
    expect(reply.headers.has('Sforce-Limit-Info')).toBe('Sforce-Limit-Info' in recorded.headers);
  });

  test('a missing session is refused in the same words', async () => {
    const reply = await fetch(`${connected.emulator.instanceUrl}/services/data/v51.0/sobjects/Account`);
    const recorded = recording('errors/invalid_session_401.sf-fx-node.json');
    expect([reply.status, await reply.text()]).toEqual([recorded.status, recorded.body]);
    expectHeaders(reply, recorded);
    expect(reply.headers.has('Sforce-Limit-Info')).toBe(false);
  });

  test('a query page has the same keys', async () => {
    const reply = await connected.ask('/services/data/v53.0/query?q=SELECT+Name+FROM+Contact+LIMIT+250', {
      headers: { 'Sforce-Query-Options': 'batchSize=200' },
    });
    const recorded = recording('query/query_page1_of_10000.sf-fx.json');
    expectHeaders(reply, recorded);
    expect(Object.keys((await reply.json()) as Keyed)).toEqual(Object.keys(JSON.parse(recorded.body) as Keyed));
  });

  test('describes have the same keys in the same order, and fields the same facts', async () => {
    for (const object of ['Contact', 'Opportunity']) {
      const recorded = JSON.parse(read(`describe/${object}.cumulusci.json`)) as Keyed & { fields: Keyed[] };
      const ours = (await (await connected.ask(`/services/data/v66.0/sobjects/${object}/describe`)).json()) as Keyed & { fields: Keyed[] };
      expect(Object.keys(ours)).toEqual(Object.keys(recorded));
      for (const field of ours.fields) expect(Object.keys(field)).toEqual(Object.keys(recorded.fields[0] ?? {}));
      const standard = ours.fields.filter((field) => field.custom === false);
      expect(standard.map(({ name }) => name)).toEqual(recorded.fields.map(({ name }) => name));
      for (const [index, field] of standard.entries()) {
        const { picklistValues: ourValues, label: ourLabel, ...facts } = field;
        const { picklistValues: theirValues, label: theirLabel, ...recordedFacts } = recorded.fields[index] ?? {};
        expect({ of: field.name, ...facts }).toEqual({ of: field.name, ...recordedFacts });
        const [ourValue, theirValue] = [ourValues, theirValues].map((values) => Object.keys((values as object[])[0] ?? {}));
        if (theirValue?.length) expect(ourValue).toEqual(theirValue);
      }
    }
  });
});

/** Key and kind of value, which a client depends on. */
function kind([key, value]: [string, unknown]): string {
  return `${key}: ${typeof value}`;
}
