import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Answer, startService, type TestService } from '../../support/service.ts';

/** Objects that windows cannot read, or not by a stamp: creation says so, and why. */
let service: TestService;
let userId: string;

beforeEach(async () => {
  service = await startService({ worker: false });
  userId = await service.connect();
});
afterEach(() => service[Symbol.asyncDispose]());

const create = (object_name: string, more: Record<string, string> = {}): Promise<Answer> =>
  service.call('create_importing_job', { user_id: userId, object_name, start_date: 'all', ...more });

function hide(object: string, ...fields: string[]): void {
  for (const field of fields) service.salesforce.org.changeField(object, { field, change: 'hide' });
}

function makeUnfilterable(object: string, ...fields: string[]): void {
  const facts = { filterable: false, sortable: false };
  for (const field of fields) service.salesforce.org.changeField(object, { field, change: 'retype', type: 'datetime', facts });
}

async function cursorOf(objectName: string): Promise<string> {
  const { rows } = await service.database.pool.query<{ cursor_field: string }>('SELECT cursor_field FROM jobs WHERE object_name = $1', [
    objectName,
  ]);
  return rows[0]!.cursor_field;
}

describe('a stamp that cannot be filtered by', () => {
  test('is skipped in favor of the next stamp', async () => {
    makeUnfilterable('Lead', 'SystemModstamp');
    expect(await create('Lead')).toMatchObject({ status: 200, text: 'OK' });
    expect(await cursorOf('Lead')).toBe('LastModifiedDate');
    service.startWorker();
    expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK: Lead is complete/);
  });

  test.each([
    ['is not used if there is no other', () => makeUnfilterable('Lead', 'SystemModstamp', 'LastModifiedDate', 'CreatedDate')],
    ['need not exist', () => hide('Lead', 'SystemModstamp', 'LastModifiedDate', 'CreatedDate')],
  ])('%s: the object is imported whole', async (_, change) => {
    change();
    expect(await create('Lead')).toMatchObject({ status: 200, text: 'OK' });
    expect(await service.jobs()).toMatchObject([{ object_name: 'Lead', mode: 'whole', append_only: false }]);
    expect(service.logged.join('')).toMatch(/"event":"job_created".*"mode":"whole"/);
    service.startWorker();
    expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK: Lead is complete/);
  });

  test('is needed for append_only', async () => {
    hide('Lead', 'SystemModstamp', 'LastModifiedDate', 'CreatedDate');
    const answer = await create('Lead', { append_only: 'true' });
    expect(answer).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(answer.text).toContain('append_only needs a CreatedDate');
    expect(await service.jobs()).toEqual([]);
  });
});

describe("create tries a window's query", () => {
  test('and refuses what Salesforce would refuse in every window', async () => {
    const answer = await create('ContentDocumentLink');
    expect(answer).toMatchObject({ status: 422, code: 'salesforce_refused' });
    expect(answer.text).toMatch(/ContentDocumentLink cannot be imported by time window\. Could not .*MALFORMED_QUERY/);
    expect(await service.jobs()).toEqual([]);
  });

  test('but accepts an object that is too large to answer in time', async () => {
    service.salesforce.faults.arm({
      kind: 'http',
      status: 400,
      headers: { 'content-type': 'application/json' },
      body: '[{"errorCode":"QUERY_TIMEOUT","message":"Your query request was running for too long."}]',
      match: { path: '/queryAll' },
    });
    expect(await create('Lead')).toMatchObject({ status: 200, text: 'OK' });
    expect(service.logged.join('')).toContain('window_check_timed_out');
  });

  test('and reports a used-up allowance as such', async () => {
    service.salesforce.faults.arm({ kind: 'quota', match: { path: '/queryAll' } });
    expect(await create('Lead')).toMatchObject({ status: 503, code: 'salesforce_quota' });
  });
});

describe('an object whose rows have no Ids of their own', () => {
  const noIds = 'AppDefinition cannot be imported because its rows have no Ids of their own.';

  test('is identified by its DurableId', async () => {
    const answer = await create('AppDefinition');
    expect(answer).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(answer.text).toContain(noIds);
  });

  test('is identified by the Id of its rows', async () => {
    hide('AppDefinition', 'DurableId');
    const value = '2023-01-01T00:00:00.000Z';
    service.salesforce.org.changeField('AppDefinition', { field: 'SystemModstamp', change: 'add', type: 'datetime', value });
    const answer = await create('AppDefinition');
    expect(answer).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(answer.text).toContain(noIds);
  });
});

describe('an object whose only stamp is CreatedDate', () => {
  test('is imported whole if it can be edited, unless append_only is set', async () => {
    hide('Account', 'SystemModstamp', 'LastModifiedDate');
    hide('Lead', 'SystemModstamp', 'LastModifiedDate');
    expect(await create('Account', { append_only: 'true' })).toMatchObject({ status: 200, text: 'OK' });
    expect(await cursorOf('Account')).toBe('CreatedDate');
    // The same again is the same job, another is not.
    expect(await create('Account', { append_only: 'true' })).toMatchObject({ status: 200 });
    expect(await create('Account')).toMatchObject({ status: 200 });
    const other = await create('Account', { append_only: 'false' });
    expect(other).toMatchObject({ status: 409, code: 'conflict' });
    expect(other.text).toContain('append_only=true');
    expect(await create('Lead')).toMatchObject({ status: 200, text: 'OK' });
    expect(await service.jobs()).toMatchObject([
      { append_only: true, mode: 'append_only' },
      { append_only: false, mode: 'whole' },
    ]);
  });

  test('is accepted if it is append-only', async () => {
    expect(await create('AccountHistory')).toMatchObject({ status: 200, text: 'OK' });
    expect((await service.jobs())[0]).toMatchObject({ append_only: true, mode: 'append_only' });
  });

  test('other objects are not append-only by default', async () => {
    expect(await create('Account')).toMatchObject({ status: 200 });
    expect(await create('Lead', { append_only: 'true' })).toMatchObject({ status: 200 });
    expect(await service.jobs()).toMatchObject([{ append_only: false }, { append_only: true }]);
  });
});
