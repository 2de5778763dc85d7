import 'jsforce/lib/api/bulk2.js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { javaDouble } from '../../../../../app/local/emulators/salesforce/java-double.ts';
import { type BulkJobReply, bulkRows, type Connected, connect, createJob, finish, parseCsv } from './connect.ts';

const PATH = '/services/data/v66.0/jobs/query';

let connected: Connected;

beforeAll(async () => {
  connected = await connect();
});
afterAll(() => connected.emulator.close());

const patch = (id: string, state: string) =>
  connected.ask(`${PATH}/${id}`, { method: 'PATCH', body: JSON.stringify({ state }), headers: { 'Content-Type': 'application/json' } });

async function errorOf(reply: Response): Promise<{ status: number; errorCode?: string; message?: string }> {
  const [error] = (await reply.json()) as { errorCode: string; message: string }[];
  return { status: reply.status, ...error };
}

async function completedJob(query: string, more: object = {}): Promise<string> {
  const { id } = await createJob(connected, query, more);
  await finish(connected, id);
  return id;
}

const accountCount = (): number => [...connected.emulator.org.records('Account')].length;

describe('a Bulk job', () => {
  test('goes from UploadComplete to JobComplete and counts its rows', async () => {
    const created = await createJob(connected, 'SELECT Id FROM Account', { operation: 'queryAll' });
    expect(created).toMatchObject({
      id: expect.stringMatching(/^750\w{15}$/),
      state: 'UploadComplete',
      object: 'Account',
      operation: 'queryAll',
      apiVersion: 66,
    });
    expect(created).not.toHaveProperty('numberRecordsProcessed');
    const finished = await finish(connected, created.id);
    expect(finished).toMatchObject({ state: 'JobComplete', jobType: 'V2Query', retries: 0, numberRecordsProcessed: accountCount() });
  });

  test('is found by the 15-character form of its id, but by no other id', async () => {
    const id = await completedJob('SELECT Id FROM Account');
    expect((await connected.ask(`${PATH}/${id.slice(0, 15)}`)).status).toBe(200);
    expect(await errorOf(await connected.ask(`${PATH}/7505e0000000000AAA`))).toMatchObject({ status: 404, errorCode: 'NOT_FOUND' });
  });

  test('shows its version as a number with a decimal', async () => {
    const id = await completedJob('SELECT Id FROM Account');
    expect(await (await connected.ask(`${PATH}/${id}`)).text()).toContain('"apiVersion":66.0,"jobType"');
  });

  test("works with jsforce's bulk query if the result is one page", async () => {
    const stream = await connected.connection.bulk2.query('SELECT Id, Name FROM Account', { pollInterval: 5, pollTimeout: 10_000 });
    const rows = await stream.toArray();
    const living = [...connected.emulator.org.records('Account')].filter(({ IsDeleted }) => !IsDeleted);
    expect(new Map(rows.map(({ Id, Name }) => [Id, Name]))).toEqual(new Map(living.map(({ Id, Name }) => [Id, Name])));
  });

  test('can be aborted while it runs, and then has no results', async () => {
    const slow = await connect({ bulkDelayMs: 600_000 });
    const { id } = await createJob(slow, 'SELECT Id FROM Account');
    const headers = { 'Content-Type': 'application/json' };
    expect(await errorOf(await slow.ask(`${PATH}/${id}`, { method: 'DELETE' }))).toEqual({
      status: 400,
      errorCode: 'API_ERROR',
      message: 'Error encountered when deleting the job because the job is not terminated',
    });
    expect(await errorOf(await slow.ask(`${PATH}/${id}/results`))).toMatchObject({ status: 400, errorCode: 'INVALIDJOBSTATE' });
    const aborted = await slow.ask(`${PATH}/${id}`, { method: 'PATCH', body: '{"state":"Aborted"}', headers });
    const reply = (await aborted.json()) as BulkJobReply;
    expect(reply.state).toBe('Aborted');
    expect(Object.keys(reply)).toHaveLength(10);
    expect(await errorOf(await slow.ask(`${PATH}/${id}/results`))).toMatchObject({ status: 400, errorCode: 'INVALIDJOBSTATE' });
    expect((await slow.ask(`${PATH}/${id}`, { method: 'DELETE' })).status).toBe(204);
    await slow.emulator.close();
  });

  test('that is complete can be deleted but not aborted', async () => {
    const id = await completedJob('SELECT Id FROM Account');
    expect(await errorOf(await patch(id, 'Aborted'))).toEqual({
      status: 400,
      errorCode: 'INVALIDJOBSTATE',
      message: 'Aborting already Completed Job not allowed',
    });
    expect((await connected.ask(`${PATH}/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await errorOf(await connected.ask(`${PATH}/${id}`))).toMatchObject({ status: 404, errorCode: 'NOT_FOUND' });
    expect((await connected.ask(`${PATH}/${id}/results`)).status).toBe(404);
  });

  test('is listed without its query', async () => {
    const { id } = await createJob(connected, 'SELECT Id, Name FROM Account');
    const text = await (await connected.ask(`${PATH}?jobType=V2Query`)).text();
    const list = JSON.parse(text) as { done: boolean; records: BulkJobReply[]; nextRecordsUrl: null };
    expect(list).toMatchObject({ done: true, nextRecordsUrl: null });
    expect(list.records.map((job) => job.id)).toContain(id);
    expect(text).not.toContain('SELECT');
    expect(await (await connected.ask(`${PATH}?jobType=V2Ingest`)).json()).toMatchObject({ records: [] });
  });

  test('keeps the rows that it found, even if they change afterwards', async () => {
    const { org } = connected.emulator;
    const id = org.insert('Account', { Name: 'Before', AccountNumber: 'kept' });
    const job = await completedJob("SELECT Name FROM Account WHERE AccountNumber = 'kept'");
    org.update('Account', id, { Name: 'After' });
    expect(await (await connected.ask(`${PATH}/${job}/results`)).text()).toBe('"Name"\n"Before"\n');
  });
});

describe('a result page', () => {
  test('has a locator until the literal null, and a header row', async () => {
    const id = await completedJob('SELECT Id FROM Account', { operation: 'queryAll' });
    const seen: string[] = [];
    let pages = 0;
    for (let locator: string | null = ''; locator !== 'null'; pages++) {
      const parameters = new URLSearchParams({ ...(locator ? { locator } : {}), maxRecords: '50' });
      const address = `${PATH}/${id}/results?${parameters}`;
      const page = await connected.ask(address);
      const text = await page.text();
      const [header, ...rows] = parseCsv(text);
      expect(header).toEqual(['Id']);
      expect(page.headers.get('Sforce-NumberOfRecords')).toBe(String(rows.length));
      expect(await (await connected.ask(address)).text()).toBe(text);
      seen.push(...rows.flat());
      locator = page.headers.get('Sforce-Locator');
    }
    expect(pages).toBe(Math.ceil(accountCount() / 50));
    expect(seen).toHaveLength(accountCount());
    expect(new Set(seen)).toEqual(new Set([...connected.emulator.org.records('Account')].map((record) => record.Id)));
  });

  test('contains every value of every field, in the format of its type', async () => {
    const { org } = connected.emulator;
    for (const object of ['Account', 'Contact', 'Opportunity']) {
      const { fields } = await connected.connection.describe(object);
      const columns = fields.filter((field) => field.type !== 'address');
      const text = (value: unknown, type: string): string => {
        if (value === null) return '';
        return ['double', 'currency', 'percent'].includes(type) ? javaDouble(Number(value)) : String(value);
      };
      const expected = [...org.records(object)].map((record) => columns.map(({ name, type }) => text(record[name], type)));
      const soql = `SELECT ${columns.map((field) => field.name).join(', ')} FROM ${object}`;
      const rows = await bulkRows(connected, soql, { operation: 'queryAll', maxRecords: 40 });
      expect(rows.sort(byFirst)).toEqual(expected.sort(byFirst));
    }
  });

  test('is compressed only on request, and never has a Content-Length', async () => {
    const id = await completedJob('SELECT Id, Name FROM Account');
    const address = `${PATH}/${id}/results`;
    const plain = await connected.ask(address, { headers: { 'Accept-Encoding': 'identity' } });
    const compressed = await connected.ask(address, { headers: { 'Accept-Encoding': 'gzip' } });
    expect([plain, compressed].map((reply) => reply.headers.get('Content-Encoding'))).toEqual([null, 'gzip']);
    for (const reply of [plain, compressed]) {
      expect(reply.headers.get('Content-Length')).toBeNull();
      expect(reply.headers.get('Content-Type')).toBe('text/csv');
      expect(reply.headers.get('Vary')).toBe('Accept-Encoding');
    }
    expect(await compressed.text()).toBe(await plain.text());
  });

  test('has only the header if no rows match', async () => {
    const id = await completedJob("SELECT Id, Name FROM Account WHERE Name = 'missing'");
    const page = await connected.ask(`${PATH}/${id}/results`);
    expect(await page.text()).toBe('"Id","Name"\n');
    expect([page.headers.get('Sforce-NumberOfRecords'), page.headers.get('Sforce-Locator')]).toEqual(['0', 'null']);
  });

  test('uses the delimiter and the line ending that the job requested', async () => {
    const id = await completedJob('SELECT Id, Name FROM Account', {
      columnDelimiter: 'SEMICOLON',
      lineEnding: 'CRLF',
    });
    const text = await (await connected.ask(`${PATH}/${id}/results`)).text();
    expect(parseCsv(text, ';', '\r\n')[0]).toEqual(['Id', 'Name']);
  });

  test('names parent fields by their path', async () => {
    const { org } = connected.emulator;
    const account = org.insert('Account', { Name: 'Above' });
    org.insert('Contact', { LastName: 'Below', AccountId: account });
    const id = await completedJob(`SELECT LastName, account.name FROM Contact WHERE AccountId = '${account}'`);
    expect(await (await connected.ask(`${PATH}/${id}/results`)).text()).toBe('"LastName","Account.Name"\n"Below","Above"\n');
  });

  test('has a different row order in each job, unless the query has ORDER BY', async () => {
    const ids = async (tail = '') => (await bulkRows(connected, `SELECT Id FROM Opportunity${tail}`)).flat();
    const [first, second, sorted] = [await ids(), await ids(), await ids(' ORDER BY Id')];
    expect(first).not.toEqual(second);
    expect(first.toSorted()).toEqual(second.toSorted());
    expect(sorted).toEqual(first.toSorted());
  });

  test("is refused for another API version, another job's locator or an invalid maxRecords", async () => {
    const id = await completedJob('SELECT Id FROM Account');
    const other = await completedJob('SELECT Id FROM Account');
    const page = await connected.ask(`${PATH}/${other}/results?maxRecords=5`);
    const locator = encodeURIComponent(page.headers.get('Sforce-Locator') ?? '');
    expect((await connected.ask(`${PATH}/${id}/results`.replace('v66.0', 'v65.0'))).status).toBe(409);
    expect((await connected.ask(`${PATH}/${id}/results?locator=${locator}`)).status).toBe(400);
    expect((await connected.ask(`${PATH}/${id}/results?maxRecords=0`)).status).toBe(400);
  });

  test('is listed by resultPages, five at a time', async () => {
    const id = await completedJob('SELECT Id FROM Account', { operation: 'queryAll' });
    const rows: string[] = [];
    let requests = 0;
    for (let next: string | undefined = `${PATH}/${id}/resultPages?maxRecords=10`; next !== undefined; requests++) {
      const list = (await (await connected.ask(next)).json()) as {
        resultPages: { resultUrl: string }[];
        nextRecordsUrl?: string;
        done: boolean;
      };
      expect(list.resultPages.length).toBeLessThanOrEqual(5);
      expect(list.done).toBe(list.nextRecordsUrl === undefined);
      for (const { resultUrl } of list.resultPages)
        rows.push(
          ...parseCsv(await (await connected.ask(resultUrl)).text())
            .slice(1)
            .flat(),
        );
      next = list.nextRecordsUrl;
    }
    expect(requests).toBeGreaterThan(1);
    expect(new Set(rows).size).toBe(accountCount());
  });
});

describe('the creation of a job', () => {
  test.each([
    ['SELECT Id FROM CaseStatus', 'INVALIDENTITY', "Entity 'CaseStatus' is not supported by the Bulk API."],
    ['SELECT Id FROM ActivityHistory', 'INVALID_TYPE_FOR_OPERATION', 'entity type ActivityHistory does not support query'],
    ['SELECT BillingAddress FROM Account', 'API_ERROR', 'Selecting compound data not supported in Bulk Query'],
    ['SELECT COUNT() FROM Account', 'API_ERROR', 'Aggregate Relationships not supported in Bulk Query'],
    ['SELECT COUNT(Id) FROM Account GROUP BY Name', 'API_ERROR', 'Aggregate Relationships not supported in Bulk Query'],
    ['SELECT Id, (SELECT Id FROM Contacts) FROM Account', 'API_ERROR', 'Aggregate Relationships not supported in Bulk Query'],
    ['SELECT Bacon__c FROM Account', 'INVALID_FIELD', "No such column 'Bacon__c' on entity 'Account'."],
    ['SELECT Id FROM Nothing', 'INVALID_TYPE', "sObject type 'Nothing' is not supported."],
    ['SELEKT Id FROM Account', 'MALFORMED_QUERY', 'unexpected token: SELEKT'],
  ])('refuses %s', async (query, errorCode, message) => {
    await expect(createJob(connected, query)).rejects.toMatchObject({ errorCode, message: expect.stringContaining(message) });
  });

  test.each([
    [{ operation: 'insert' }, 'INVALIDJOB'],
    [{ contentType: 'JSON' }, 'INVALIDJOB'],
    [{ columnDelimiter: 'DOT' }, 'INVALIDJOB'],
    [{ lineEnding: 'CR' }, 'INVALIDJOB'],
    [{ query: '' }, 'INVALIDJOB'],
  ])('refuses %j', async (more, errorCode) => {
    await expect(createJob(connected, 'SELECT Id FROM Account', more)).rejects.toMatchObject({ errorCode });
  });

  test('refuses a body that is not JSON', async () => {
    const reply = await connected.ask(PATH, { method: 'POST', body: 'query' });
    expect(await errorOf(reply)).toMatchObject({ status: 400, errorCode: 'JSON_PARSER_ERROR' });
  });

  test('accepts an object without timestamps, whose rows share one Id', async () => {
    const rows = await bulkRows(connected, 'SELECT Id, DurableId FROM AppDefinition');
    expect(new Set(rows.map(([id]) => id))).toEqual(new Set(['000000000000000AAA']));
    expect(new Set(rows.map(([, durable]) => durable)).size).toBe(rows.length);
  });
});

function byFirst([left = '']: string[], [right = '']: string[]): number {
  return left < right ? -1 : 1;
}
