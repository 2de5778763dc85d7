import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bulkRows, type Connected, connect, createJob, finish } from './connect.ts';
import {
  COMPLETE_JOB,
  CREATED_JOB,
  DELETED_JOB,
  DESCRIBE_KEYS,
  FIELD_KEYS,
  factsOf,
  JSON_REPLY,
  NO_SESSION,
  PICKLIST_VALUE_KEYS,
  QUERY_PAGE_KEYS,
  REFUSED_QUERY,
  RESULT_PAGE,
  type RealReply,
  STANDARD_FIELDS,
  UNKNOWN_OBJECT,
  UNKNOWN_VERSION,
} from './real-replies.ts';

interface Keyed {
  [key: string]: unknown;
}

let connected: Connected;

beforeAll(async () => {
  connected = await connect({ size: 200 });
});
afterAll(() => connected.emulator.close());

/** The reply has the status of the real one and all its headers, with the same values where clients act on them. */
function expectLike(reply: Response, real: RealReply): void {
  expect(reply.status).toBe(real.status);
  expect([...reply.headers.keys()]).toEqual(expect.arrayContaining(real.headerNames));
  const values = Object.keys(real.headers).map((name) => [name, reply.headers.get(name)]);
  expect(Object.fromEntries(values)).toEqual(real.headers);
}

const kindsOf = (value: Keyed): string[] => Object.entries(value).map(([key, each]) => `${key}:${typeof each}`);

const jobPath = '/services/data/v53.0/jobs/query';
const SOQL = 'SELECT Name, Type, Industry FROM Account';

/** A complete job of an old API version. */
async function completeJob(): Promise<{ id: string; created: Response; text: string }> {
  const body = JSON.stringify({ operation: 'query', query: SOQL, contentType: 'CSV', columnDelimiter: 'COMMA', lineEnding: 'LF' });
  const created = await connected.ask(jobPath, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
  const text = await created.text();
  const { id } = JSON.parse(text) as { id: string };
  await finish(connected, id);
  return { id, created, text };
}

test('a job shows the keys and headers of a real one, when created and when complete', async () => {
  const { id, created, text } = await completeJob();
  expect(kindsOf(JSON.parse(text) as Keyed)).toEqual(CREATED_JOB);
  expect(text).toContain('"apiVersion":53.0,');
  expectLike(created, JSON_REPLY);
  const complete = await connected.ask(`${jobPath}/${id}`);
  expectLike(complete, JSON_REPLY);
  expect(kindsOf((await complete.json()) as Keyed)).toEqual(COMPLETE_JOB);
});

test.each([
  ['', true],
  ['?maxRecords=10', false],
])('the result page /results%s has the headers and the CSV of a real one', async (query, isLast) => {
  const { id } = await completeJob();
  const page = await connected.ask(`${jobPath}/${id}/results${query}`);
  expectLike(page, RESULT_PAGE);
  expect(await page.text()).toMatch(/^"Name","Type","Industry"\n(?:"(?:[^"]|"")*","(?:[^"]|"")*","(?:[^"]|"")*"\n)*$/);
  expect(page.headers.get('Sforce-Locator') === 'null').toBe(isLast);
});

test('rows come back byte for byte', async () => {
  const rows = [
    ['Prüfstelle für Maße', '', ''],
    ['Smith & Sons, UK', 'Customer - Direct', 'Energy'],
    ['Norwich Paper plc', 'Customer - Channel', 'Consulting'],
    ['lowerCase', '', 'Education'],
  ];
  for (const [Name = '', Type = '', Industry = ''] of rows)
    connected.emulator.org.insert('Account', { Name, Type, Industry, AccountNumber: 'bytes' });
  const soql = `${SOQL} WHERE AccountNumber = 'bytes'`;
  expect(new Set((await bulkRows(connected, soql)).map((row) => row.join('|')))).toEqual(new Set(rows.map((row) => row.join('|'))));
  const { id } = await createJob(connected, soql);
  await finish(connected, id);
  const page = await (await connected.ask(`/services/data/v66.0/jobs/query/${id}/results`)).text();
  const lines = [
    '"Name","Type","Industry"',
    '"Prüfstelle für Maße","",""',
    '"Smith & Sons, UK","Customer - Direct","Energy"',
    '"Norwich Paper plc","Customer - Channel","Consulting"',
    '"lowerCase","","Education"',
    '',
  ];
  expect(page.split('\n').sort()).toEqual(lines.sort());
});

test('a deleted job is confirmed without a body', async () => {
  const { id } = await completeJob();
  expectLike(await connected.ask(`${jobPath}/${id}`, { method: 'DELETE' }), DELETED_JOB);
});

const NOT_FOUND = [{ errorCode: 'NOT_FOUND', message: 'The requested resource does not exist' }];

test.each([
  [
    '/services/data/v53.0/query?q=SELECT+Bacon__c+FROM+Account+LIMIT+2',
    REFUSED_QUERY,
    [
      {
        message:
          "\nSELECT Bacon__c FROM Account LIMIT 2\n       ^\nERROR at Row:1:Column:8\nNo such column 'Bacon__c' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
        errorCode: 'INVALID_FIELD',
      },
    ],
  ],
  [
    '/services/data/v53.0/query?q=SELEKT+Name+FROM+Account',
    REFUSED_QUERY,
    [{ message: 'unexpected token: SELEKT', errorCode: 'MALFORMED_QUERY' }],
  ],
  ['/services/data/v53.0/sobjects/PlayingCard__c', UNKNOWN_OBJECT, NOT_FOUND],
  ['/services/data/viAmABadVersion/sobjects/Account', UNKNOWN_VERSION, NOT_FOUND],
])('%s is refused in the words of a real org', async (path, real, body) => {
  const reply = await connected.ask(path);
  expect(await reply.text()).toBe(JSON.stringify(body));
  expectLike(reply, real);
  expect(reply.headers.has('Sforce-Limit-Info')).toBe(real !== UNKNOWN_VERSION);
});

test('a missing session is refused in the words of a real org', async () => {
  const reply = await fetch(`${connected.emulator.instanceUrl}/services/data/v51.0/sobjects/Account`);
  expect(await reply.text()).toBe('[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]');
  expectLike(reply, NO_SESSION);
  expect(reply.headers.has('Sforce-Limit-Info')).toBe(false);
});

test('a query page has the keys of a real one', async () => {
  const reply = await connected.ask('/services/data/v53.0/query?q=SELECT+Name+FROM+Contact+LIMIT+250', {
    headers: { 'Sforce-Query-Options': 'batchSize=200' },
  });
  expectLike(reply, JSON_REPLY);
  expect(Object.keys((await reply.json()) as Keyed)).toEqual(QUERY_PAGE_KEYS);
});

test.each(Object.entries(STANDARD_FIELDS))(
  '%s has the describe of a real org, with all facts of its standard fields',
  async (object, real) => {
    const reply = await connected.ask(`/services/data/v66.0/sobjects/${object}/describe`);
    const describe = (await reply.json()) as Keyed & { fields: Keyed[] };
    expect(Object.keys(describe)).toEqual(DESCRIBE_KEYS);
    for (const field of describe.fields) {
      expect(Object.keys(field)).toEqual(FIELD_KEYS);
      const [value] = field.picklistValues as Keyed[];
      if (value) expect(Object.keys(value)).toEqual(PICKLIST_VALUE_KEYS);
    }
    expect(describe.fields.filter((field) => field.custom === false).map(factsOf)).toEqual(real);
  },
);
