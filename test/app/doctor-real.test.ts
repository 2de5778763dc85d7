import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { doctor } from '../../app/commands/doctor.ts';
import { readConfig } from '../../app/config.ts';
import { createContext } from '../../app/context.ts';
import { checkAssumptions, type DoctorOptions } from '../../app/doctor/check-assumptions.ts';
import { createEvents } from '../../app/events.ts';
import { createLog } from '../../app/log.ts';
import { startGatewayService } from '../support/gateway.ts';
import { NEARBY, startService, type TestService } from '../support/service.ts';
import { serviceEnvironment } from '../support/service-environment.ts';

// About fifty sequential probes, on a machine that may be busy.
jest.setTimeout(120_000);

let service: TestService;
let env: NodeJS.ProcessEnv;
let userId: string;

beforeAll(async () => {
  // More rows than one REST page, and a delay before a Bulk job completes.
  service = await startService({ salesforce: { rows: { Account: 2_100 }, bulkDelayMs: 150 } });
  const { database, salesforce, bigquery } = service;
  env = { ...serviceEnvironment(database.url, salesforce, bigquery), API_KEYS: `ops:operate:${'a'.repeat(64)}` };
  userId = await service.connect();
});
afterAll(() => service[Symbol.asyncDispose]());

beforeEach(async () => {
  for (const url of [service.salesforce.instanceUrl, service.bigquery.url]) await fetch(`${url}/emulator/faults`, { method: 'DELETE' });
});

const FEW_ROWS = { objectName: 'Opportunity' };

/** The lines that start with a mark. */
type Lines = (mark: 'yes' | 'no' | '--') => string[];

const linesOf =
  (output: string): Lines =>
  (mark) =>
    output.split('\n').filter((line) => line.startsWith(`${mark} `));

/** Runs the command as an operator does. */
async function command(
  options: { connection?: string; object?: string } = {},
  stop = new AbortController(),
): Promise<{ code: number; output: string; lines: Lines }> {
  const log = jest.spyOn(console, 'log').mockImplementation(() => {});
  try {
    const code = await doctor({ args: [], options: { real: true, ...options }, env, stop: stop.signal });
    const output = log.mock.calls.join('\n');
    return { code, output, lines: linesOf(output) };
  } finally {
    log.mockRestore();
  }
}

/** Runs the probes without the pauses that remote services need. */
async function real(
  subject: Partial<DoctorOptions> = {},
  changes: NodeJS.ProcessEnv = {},
): Promise<{ failures: number; output: string; lines: Lines }> {
  const context = createContext(readConfig({ ...env, ...changes }), createEvents(createLog(new PassThrough().resume())), NEARBY);
  const printed: string[] = [];
  try {
    const print = (line: string): unknown => printed.push(line);
    const failures = await checkAssumptions(
      context,
      { userId: undefined, objectName: undefined, ...subject },
      print,
      new AbortController().signal,
    );
    const output = printed.join('\n');
    return { failures, output, lines: linesOf(output) };
  } finally {
    await context.close();
  }
}

async function arm(url: string, fault: object): Promise<void> {
  const init = { method: 'POST', body: JSON.stringify(fault), headers: { 'content-type': 'application/json' } };
  expect((await fetch(`${url}/emulator/faults`, init)).status).toBeLessThan(300);
}

const bigqueryFault = (fault: object): Promise<void> => arm(service.bigquery.url, { times: 1_000, ...fault });
const salesforceFault = (fault: object): Promise<void> => arm(service.salesforce.instanceUrl, { times: 1_000, ...fault });

async function expectNothingLeft(): Promise<void> {
  const { client } = service;
  const { stagingDataset } = service.context.warehouse;
  const [datasets] = await client.getDatasets();
  expect(datasets.map(({ id }) => id).filter((id) => id?.startsWith('doctor'))).toEqual([]);
  const [tables] = await client.dataset(stagingDataset).getTables();
  expect(tables.map(({ id }) => id).filter((id) => id?.startsWith('doctor'))).toEqual([]);
  expect(await bulkJobs()).toEqual([]);
}

async function bulkJobs(): Promise<object[]> {
  const { rows } = await service.database.pool.query<{ id: number }>('SELECT id FROM connections');
  const client = service.context.salesforce(rows[0]!.id);
  const list = '/services/data/v66.0/jobs/query?jobType=V2Query';
  return (await client.call('list jobs', (connection) => connection.request<{ records: object[] }>(list))).records;
}

describe('doctor --real', () => {
  test('answers yes to all that the emulators support, and leaves nothing behind', async () => {
    const { code, output, lines } = await command();
    expect(lines('no')).toEqual([]);
    expect(lines('yes').length).toBeGreaterThan(40);
    // What emulators cannot answer either, and what the local BigQuery does not support.
    expect(lines('--').filter((line) => !line.includes('MERGE that names months'))).toHaveLength(8);
    expect(output).toMatch(/\d+ yes, 0 no, \d+ not tested/);
    expect(code).toBe(0);
    await expectNothingLeft();
  });

  test('names the settings to change if BigQuery accepts neither gzip nor resumable uploads', async () => {
    await bigqueryFault({ kind: 'gzip-unknown' });
    await bigqueryFault({ kind: 'http', reason: 'badRequest', match: 'uploadType=resumable' });
    const { failures, output, lines } = await real({ userId, objectName: 'Contact' });
    expect(failures).toBe(4);
    expect(lines('no').map((line) => /Set (\S+)\.$/.exec(line)?.[1])).toEqual([
      'BIGQUERY_UPLOAD=multipart',
      'SALESFORCE_GZIP=off',
      'SALESFORCE_GZIP=off',
      'SALESFORCE_GZIP=off',
    ]);
    expect(lines('no').join()).toMatch(/resumable upload.*accepts gzipped bytes.*several members.*loads Salesforce's compressed pages/s);
    expect(output).toContain('Salesforce: the object Contact');
    for (const record of service.salesforce.org.records('Contact')) {
      expect(output).not.toContain(String(record.Id));
      expect(output).not.toContain(String(record.Email ?? record.Id));
    }
    expect(output).not.toMatch(/Bearer|00D\w+!/);
    await expectNothingLeft();
  });

  test('reports but does not fail what the settings already work around', async () => {
    await bigqueryFault({ kind: 'gzip-unknown' });
    await bigqueryFault({ kind: 'http', reason: 'badRequest', match: 'uploadType=resumable' });
    const { failures, lines } = await real(FEW_ROWS, { SALESFORCE_GZIP: 'off', BIGQUERY_UPLOAD: 'multipart' });
    for (const line of lines('no'))
      expect(line).toMatch(/(SALESFORCE_GZIP=off|BIGQUERY_UPLOAD=multipart) is set, so the service does not rely on it\.$/);
    expect(lines('no')).toHaveLength(4);
    expect(failures).toBe(0);
  });

  test('names the setting to change if the org does not accept composite calls', async () => {
    const body = JSON.stringify([{ errorCode: 'NOT_FOUND', message: 'The requested resource does not exist' }]);
    const match = { path: '/composite' };
    await salesforceFault({ kind: 'http', status: 404, body, headers: { 'content-type': 'application/json' }, match });
    const { lines } = await real(FEW_ROWS);
    expect(lines('no').filter((line) => line.includes('counts as one API call'))).toEqual([
      expect.stringMatching(/NOT_FOUND.*Set SALESFORCE_COMPOSITE=off\.$/),
    ]);
    await expectNothingLeft();
  });

  test('says what follows if Salesforce responds differently than assumed', async () => {
    for (const kind of ['not-compressed', 'missing-locator', 'wrong-count'] as const) await salesforceFault({ kind });
    const { failures, lines } = await real(FEW_ROWS);
    expect(failures).toBe(lines('no').length);
    for (const topic of ['are gzipped on request', 'Sforce-Locator', 'Sforce-NumberOfRecords'])
      expect(lines('no').join('\n')).toContain(topic);
    await expectNothingLeft();
  });

  test('works in the staging dataset if it may not create one, and deletes its tables there', async () => {
    await bigqueryFault({ kind: 'http', reason: 'accessDenied', match: 'POST /bigquery/v2/projects/local/datasets?', times: 1 });
    await bigqueryFault({ kind: 'http', reason: 'badRequest', match: 'uploadType=multipart' });
    const { output, lines } = await real(FEW_ROWS);
    expect(output).toContain('the staging dataset, because this account may not create datasets');
    expect(lines('no')).toHaveLength(1);
    expect(lines('no')[0]).toContain('BIGQUERY_UPLOAD=multipart does not work here.');
    await expectNothingLeft();
  });

  test('deletes what it created when it is stopped, including a running Bulk job', async () => {
    await salesforceFault({ kind: 'job-stuck' });
    const stop = new AbortController();
    const stopped = command({ object: 'Opportunity' }, stop);
    while ((await bulkJobs()).length === 0);
    stop.abort();
    const { code, output } = await stopped;
    expect(output).toContain('Stopped before the end');
    expect(code).toBe(1);
    await expectNothingLeft();
  });

  test('refuses an unknown connection', async () => {
    await expect(command({ connection: 'me' })).rejects.toThrow('--connection must be the URL returned by login_oauth_callback');
    const unknown = userId.replace(/005.{15}$/, '005000000000000AAA');
    await expect(command({ connection: unknown })).rejects.toThrow('No connection has this user_id');
    await expectNothingLeft();
  });
});

test('doctor --real does not read what a default of the connection or any job of the org excludes, hashes or holds back', async () => {
  await using other = await startGatewayService({ worker: false });
  const { database, salesforce, bigquery } = other;
  const withheld = ['Default_Excluded__c', 'Default_Hashed__c', 'Job_Excluded__c', 'Job_Hashed__c', 'Pending__c'];
  for (const field of ['Read__c', ...withheld])
    salesforce.org.changeField('Contact', { field, change: 'add', type: 'string', facts: { length: 80 }, value: `value of ${field}` });
  await other.connect();
  await database.pool.query(`UPDATE connections SET exclude_fields = '["*.Default_Excluded__c"]', hash_fields = '["Default_Hashed*"]'`);
  await database.pool.query(
    `WITH colleague AS (
       INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token, scopes, status)
       SELECT org_id, '005000000000000AAA', 'https://login.example/id', login_url, instance_url, '', '', scopes, 'needs_login'
       FROM connections RETURNING id)
     INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to,
       exclude_fields, hash_fields, new_fields, approved_fields)
     SELECT id, 'Contact', 'SystemModstamp', 'salesforce', 'Contact', now(), now(), now(),
       '["Job_Excluded__c"]', '["job_hashed__c"]', 'review', '["Read__c", "Default_*", "Job_*", "LastName"]' FROM colleague`,
  );
  const { output } = await real({ objectName: 'Contact' }, serviceEnvironment(database.url, salesforce, bigquery));
  expect(output).toContain('The same rows have the same values by REST and by Bulk');
  const soql = other.instance.calls.map((call) => call.soql).join('\n');
  expect(soql).toMatch(/SELECT Id, IsDeleted, LastName, CreatedDate, SystemModstamp, Read__c FROM Contact LIMIT/);
  for (const field of [...withheld, 'Email']) expect(soql.toLowerCase()).not.toContain(field.toLowerCase());
});

test('doctor --real without a connection probes BigQuery only', async () => {
  await using other = await startService({ worker: false });
  const { database, salesforce, bigquery } = other;
  const { failures, lines } = await real({}, serviceEnvironment(database.url, salesforce, bigquery));
  expect(lines('no')).toEqual([]);
  expect(lines('--').filter((line) => line.includes('the job store has no active connection')).length).toBeGreaterThan(20);
  expect(lines('yes').length).toBeGreaterThan(20);
  expect(failures).toBe(0);
});
