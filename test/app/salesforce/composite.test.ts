import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Agent } from 'undici';
import { isAppError } from '../../../app/errors.ts';
import { SalesforceClient } from '../../../app/salesforce/client.ts';
import { type PageQuery, readFirstPages } from '../../../app/salesforce/composite.ts';
import { readRestPage } from '../../../app/salesforce/rest.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const dispatcher = new Agent();
let server: TestServer;
let calls: number;

beforeEach(async () => {
  calls = 0;
  server = await startTestServer();
});
afterEach(() => server[Symbol.asyncDispose]());
afterAll(() => dispatcher.destroy());

function client(): SalesforceClient {
  const current = async () => ({ accessToken: 'access', instanceUrl: server.url });
  const options = { version: '66.0', gzip: false, limits: { idleMs: 5_000, pollMs: 5 }, trustedHosts: [server.url], onCall: () => calls++ };
  return new SalesforceClient({ current, renew: current }, dispatcher, options);
}

const LIMITS = { signal: undefined, totalMs: 5_000, maxBytes: 100_000 };
const ACCOUNT: PageQuery = { objectName: 'Account', soql: 'SELECT Id FROM Account', columns: ['Id'] };
const CONTACT: PageQuery = { objectName: 'Contact', soql: 'SELECT Id, Amount__c FROM Contact', columns: ['Id', 'Amount__c'] };
const EMPTY = { totalSize: 0, done: true, records: [] };
const DESCRIPTION = { name: 'Account', queryable: true, updateable: true, fields: [{ name: 'Id', type: 'id', label: 'Id', length: 18 }] };

type Subreply = Record<string, unknown>;

const ok = (referenceId: string, body: unknown, httpHeaders = {}): Subreply => ({ body, httpHeaders, httpStatusCode: 200, referenceId });
const failed = (referenceId: string, status: number, errorCode: string): Subreply => ({
  body: [{ errorCode, message: 'No such column' }],
  httpHeaders: {},
  httpStatusCode: status,
  referenceId,
});

function reply(body: string, status = 200): void {
  server.answer = (_incoming, outgoing) => outgoing.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

const replyWith = (...compositeResponse: unknown[]): void => reply(JSON.stringify({ compositeResponse }));
const read = (...queries: PageQuery[]) => readFirstPages(client(), queries, LIMITS);

describe('a composite call', () => {
  test('returns the page that a call for each query alone returns, whatever the order of the replies', async () => {
    const rows =
      '{"totalSize":3000,"done":false,"nextRecordsUrl":"/services/data/v66.0/query/0r8-2000","records":[{"Id":"1","Amount__c":1.50}]}';
    reply(rows);
    const alone = await readRestPage(client(), '/page', CONTACT.columns, AbortSignal.timeout(5_000));
    reply(`{"compositeResponse":[
      {"body":${rows},"httpHeaders":{},"httpStatusCode":200,"referenceId":"query1"},
      {"body":${JSON.stringify(EMPTY)},"httpHeaders":{},"httpStatusCode":200,"referenceId":"query0"}]}`);
    const [account, contact] = await read(ACCOUNT, CONTACT);
    expect(account).toMatchObject({ kind: 'page', described: undefined, page: { totalSize: 0, nextPath: null } });
    expect(contact).toEqual({ kind: 'page', described: undefined, page: { ...alone, bytes: expect.any(Number) } });
    expect(calls).toBe(2);
  });

  test('sends queries of any length, including deleted rows, and describes only where a description is known', async () => {
    let sent: { allOrNone: boolean; compositeRequest: Subreply[] } | undefined;
    server.answer = async (incoming, outgoing) => {
      sent = JSON.parse(await text(incoming));
      outgoing.writeHead(200, { 'content-type': 'application/json' });
      const compositeResponse = [ok('query0', EMPTY), ok('query1', EMPTY), { ...ok('describe0', null), httpStatusCode: 304 }];
      outgoing.end(JSON.stringify({ compositeResponse }));
    };
    const long = `SELECT Id FROM Contact WHERE Name = '${'x'.repeat(20_000)}'`;
    const since = 'Fri, 22 Jul 2016 18:45:56 GMT';
    const [account] = await read({ ...ACCOUNT, describedSince: since }, { ...CONTACT, soql: long });
    expect(account).toMatchObject({ kind: 'page', described: 'unchanged' });
    expect(sent!.allOrNone).toBe(false);
    expect(sent!.compositeRequest).toEqual([
      { method: 'GET', referenceId: 'query0', url: '/services/data/v66.0/queryAll?q=SELECT%20Id%20FROM%20Account' },
      { method: 'GET', referenceId: 'query1', url: `/services/data/v66.0/queryAll?q=${encodeURIComponent(long)}` },
      {
        method: 'GET',
        referenceId: 'describe0',
        url: '/services/data/v66.0/sobjects/Account/describe',
        httpHeaders: { 'If-Modified-Since': since },
      },
    ]);
  });

  test('returns a changed description, and none if it is malformed or refused', async () => {
    const since = 'Fri, 22 Jul 2016 18:45:56 GMT';
    replyWith(ok('query0', EMPTY), ok('describe0', DESCRIPTION, { 'Last-Modified': 'now' }));
    const [changed] = await read({ ...ACCOUNT, describedSince: since });
    const field = expect.objectContaining({ name: 'Id', length: 18, precision: 0 });
    const described = { lastModified: 'now', description: { name: 'Account', fields: [field] } };
    expect(changed).toMatchObject({ kind: 'page', described });
    for (const other of [ok('describe0', { name: 'Account' }), failed('describe0', 404, 'NOT_FOUND')]) {
      replyWith(ok('query0', EMPTY), other);
      expect(await read({ ...ACCOUNT, describedSince: since })).toMatchObject([{ kind: 'page', described: undefined }]);
    }
  });

  test.each([
    [400, 'INVALID_FIELD'],
    [400, 'INVALID_TYPE'],
    [400, 'QUERY_TOO_COMPLICATED'],
  ])('returns for %s %s the error that a call for this query alone throws', async (status, code) => {
    replyWith(failed('query0', status, code), ok('query1', EMPTY));
    const [refused, empty] = await read(ACCOUNT, CONTACT);
    reply(JSON.stringify(failed('', status, code).body), status);
    const alone = await readRestPage(client(), '/page', ['Id'], AbortSignal.timeout(5_000)).catch((error: unknown) => error);
    expect(refused).toEqual({ kind: 'refused', error: alone });
    expect((refused as { error: Error }).error.message).toBe((alone as Error).message);
    expect(empty).toMatchObject({ kind: 'page' });
  });

  test.each([
    [400, 'QUERY_TIMEOUT'],
    [401, 'INVALID_SESSION_ID'],
    [403, 'REQUEST_LIMIT_EXCEEDED'],
    [500, 'UNKNOWN_EXCEPTION'],
    [503, 'SERVER_UNAVAILABLE'],
  ])('leaves a query unanswered that failed with %s %s', async (status, code) => {
    replyWith(failed('query0', status, code), ok('query1', EMPTY));
    expect(await read(ACCOUNT, CONTACT)).toMatchObject([{ kind: 'unanswered' }, { kind: 'page' }]);
  });

  test.each([
    ['without a total', { done: true, records: [] }],
    ['with fewer rows than it has', { totalSize: 0, done: true, records: [{ Id: '1' }] }],
    ['of null', null],
    ['of text', 'page'],
  ])('leaves a query unanswered whose page is malformed: %s', async (_name, body) => {
    replyWith(ok('query0', body), ok('query1', EMPTY));
    expect(await read(ACCOUNT, CONTACT)).toMatchObject([
      { kind: 'unanswered', error: { code: 'salesforce_unavailable', recovery: 'retry' } },
      { kind: 'page' },
    ]);
  });

  test('refuses a page without a requested column', async () => {
    replyWith(ok('query0', { totalSize: 1, done: true, records: [{ Id: 'secret' }] }));
    const [refused] = await read(CONTACT);
    expect(refused).toMatchObject({ kind: 'refused', error: { message: expect.stringContaining('Amount__c') } });
    expect((refused as { error: Error }).error.message).not.toContain('secret');
  });

  test.each([
    ['a missing reply', [ok('query0', EMPTY)]],
    ['an additional one', [ok('query0', EMPTY), ok('query1', EMPTY), ok('query2', EMPTY)]],
    ['the same one twice', [ok('query0', EMPTY), ok('query0', EMPTY)]],
    ['another id', [ok('query0', EMPTY), ok('other', EMPTY)]],
    ['no id', [{ ...failed('', 400, 'LIMIT_EXCEEDED'), referenceId: null }]],
    ['no status', [ok('query0', EMPTY), { ...ok('query1', EMPTY), httpStatusCode: null }]],
    ['null', [null, ok('query1', EMPTY)]],
  ])('is malformed with %s', async (_name, replies) => {
    replyWith(...replies);
    await expect(read(ACCOUNT, CONTACT)).rejects.toMatchObject({
      code: 'salesforce_unavailable',
      recovery: 'retry',
      message: expect.stringContaining('malformed'),
    });
  });

  test.each(['', '[]', 'null', '{}', '{"compositeResponse":{}}'])('is malformed with the body %p', async (body) => {
    reply(body);
    await expect(read(ACCOUNT)).rejects.toMatchObject({ code: 'salesforce_unavailable', message: expect.stringContaining('malformed') });
  });

  test('fails if its response is larger than its limit, later than it, or cut', async () => {
    replyWith(ok('query0', { ...EMPTY, records: [{ Id: 'x'.repeat(200_000) }] }));
    await expect(read(ACCOUNT)).rejects.toMatchObject({ code: 'salesforce_unavailable', message: expect.stringContaining('too large') });
    server.answer = () => {};
    const soon = { ...LIMITS, totalMs: 100 };
    await expect(readFirstPages(client(), [ACCOUNT], soon)).rejects.toMatchObject({ details: { timed_out: true } });
    server.answer = (_incoming, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
      outgoing.write('{"compositeResponse":', () => outgoing.destroy());
    };
    await expect(read(ACCOUNT)).rejects.toMatchObject({ code: 'salesforce_unavailable', recovery: 'retry' });
  });

  test.each([
    [404, 'NOT_FOUND'],
    [403, 'FUNCTIONALITY_NOT_ENABLED'],
    [405, 'METHOD_NOT_ALLOWED'],
  ])('that the org refuses with %s %s throws salesforce_refused', async (status, code) => {
    reply(JSON.stringify(failed('', status, code).body), status);
    const error: unknown = await read(ACCOUNT).catch((thrown: unknown) => thrown);
    expect(isAppError(error)).toBe(true);
    expect(error).toMatchObject({ code: 'salesforce_refused', recovery: 'give-up' });
  });
});
