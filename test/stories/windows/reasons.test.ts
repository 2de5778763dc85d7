import { afterEach, describe, expect, test } from '@jest/globals';
import type { Fault as BigQueryFault } from '../../../app/local/emulators/bigquery/faults.ts';
import type { Fault } from '../../../app/local/emulators/salesforce/faults.ts';
import { checkApiVersions } from '../../../app/sync/watch/check-api-versions.ts';
import { type GatewayService, type Handler, jsonReply, refusal, startGatewayService } from '../../support/gateway.ts';
import { type Answer, type JobView, startService, type TestService, type TestServiceOptions } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** What Salesforce and BigQuery say of a failure reaches the user, without the values that they quote. */
let service: TestService;
let userId: string;

afterEach(() => service[Symbol.asyncDispose]());

const TICK = '2023-03-20T00:10:00Z';

/** Small enough that the few rows of these windows are read by Bulk. */
const BULK = { restRows: 0 };

async function start(options: TestServiceOptions = {}): Promise<void> {
  service = await startService(options);
  userId = await service.connect();
}

async function startBehindGateways(options: TestServiceOptions = {}): Promise<GatewayService> {
  const behind = await startGatewayService(options);
  service = behind;
  userId = await service.connect();
  return behind;
}

const create = (): Promise<Answer> =>
  service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });

const job = async (): Promise<JobView> => (await service.jobs())[0]!;

const message = (answer: Answer): string => (JSON.parse(answer.text) as { error: { message: string } }).error.message;

/** Ticks, and waits for the run to fail. */
async function failure(): Promise<{ code: string; message: string }> {
  await service.tickAt(TICK);
  return (await job()).run!.error!;
}

/** Ticks, and waits until the run shows an error. */
async function tickUntilError(): Promise<NonNullable<NonNullable<JobView['run']>['error']>> {
  service.salesforce.clock.set(new Date(TICK));
  await service.call('handle_importing_job');
  for (;;) {
    const { run } = await job();
    if (run?.error) return run.error;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const JSON_HEADERS = { 'content-type': 'application/json' };
const HTML_HEADERS = { 'content-type': 'text/html; charset=UTF-8' };
const PAGE = '<html><body>Jane Roe, please log in</body></html>';

function refuse(path: string, errorCode: string, said: string, more: Partial<Fault> = {}): void {
  const body = JSON.stringify([{ errorCode, message: said }]);
  service.salesforce.faults.arm({ kind: 'http', times: 1_000, status: 400, headers: JSON_HEADERS, body, match: { path }, ...more });
}

async function bigqueryFault(fault: Partial<BigQueryFault>): Promise<void> {
  await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(fault), headers: JSON_HEADERS });
}

describe("Salesforce's own reason", () => {
  test('for a refused describe is in the response to create', async () => {
    await start();
    const said =
      "\nSELECT Rating FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Rating' on entity 'Account' for 'Jane Roe'.";
    refuse('/describe', 'INVALID_FIELD', said);
    const answer = await create();
    expect(answer.code).toBe('salesforce_refused');
    expect(message(answer)).toBe(
      "Could not describe Account: Salesforce refused it (INVALID_FIELD): ERROR at Row:1:Column:8: No such column 'Rating' on entity 'Account' for ….",
    );
  });

  test('for a failed Bulk job is shown with its job', async () => {
    await start({ limits: BULK });
    await create();
    const errorMessage = "InternalServerError : Unexpected exception near 'Jane Roe'";
    service.salesforce.faults.arm({ kind: 'job-failed', times: 1_000, errorMessage });
    const error = await tickUntilError();
    expect(error.message).toMatch(
      /^Could not read Account: Bulk job \w+ ended in state Failed: InternalServerError : Unexpected exception near …\.$/,
    );
    expect(service.logged.join('')).not.toContain('Jane Roe');
  });

  test.each([
    ['Max bulk v2 query jobs (10000) per 24 hrs has been reached', 'Bulk query jobs of the last 24 hours are used up'],
    [
      'Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded',
      'storage for Bulk query results of the last 24 hours is used up',
    ],
  ])('names the Bulk allowance that is used up: %s', async (said, shown) => {
    await start({ limits: BULK });
    await create();
    refuse('/jobs/query', 'EXCEEDEDQUOTA', said, { match: { method: 'POST', path: '/jobs/query' } });
    const error = await tickUntilError();
    expect(error.code).toBe('salesforce_quota');
    expect(error.message).toBe(
      `Could not query Account: the org's ${shown} (EXCEEDEDQUOTA): ${said}. The service continues once the limit allows it.`,
    );
    expect((await job()).run).toMatchObject({ state: 'queued', failures: 0 });
  });

  test('says to repeat a request that the quota refuses, because nothing continues it', async () => {
    await start();
    refuse('/sobjects', 'REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.');
    const refused = await service.call('v1/connections/1/objects');
    expect(refused).toMatchObject({ status: 503, code: 'salesforce_quota' });
    expect(refused.text).toContain('TotalRequests Limit exceeded. Repeat the request once the limit allows it.');
  });

  test('is logged if Salesforce cannot count', async () => {
    await start();
    await create();
    refuse('COUNT()', 'QUERY_TIMEOUT', 'Your query request was running for too long.');
    refuse('COUNT%28%29', 'QUERY_TIMEOUT', 'Your query request was running for too long.');
    await service.tickAt(TICK);
    await expectWholeTable(service);
    const line = service.logged.find((each) => each.includes('"event":"not_counted"'));
    expect(line).toContain('Salesforce refused it (QUERY_TIMEOUT): Your query request was running for too long.');
  });
});

describe('a session that is refused right after it was renewed', () => {
  test('is reported with what to check', async () => {
    const { instance } = await startBehindGateways();
    await create();
    instance.handler = () => refusal('INVALID_SESSION_ID', 'Session expired or invalid', 401);
    const error = await tickUntilError();
    expect(error.code).toBe('salesforce_refused');
    expect(error.message).toMatch(/Salesforce refused the renewed access token as well \(INVALID_SESSION_ID\).*IP/);
  });
});

describe('a version of the API that the org does not offer', () => {
  test('is reported on create instead of a missing object', async () => {
    await start({ env: { SALESFORCE_API_VERSION: '67.0' } });
    const answer = await create();
    expect(answer.code).toBe('salesforce_refused');
    expect(message(answer)).toMatch(
      /^The org offers Salesforce API versions 31\.0 to 66\.0, not 67\.0\. Set SALESFORCE_API_VERSION to 66\.0\.$/,
    );
  });

  test('is reported if it is retired', async () => {
    await start({ env: { SALESFORCE_API_VERSION: '30.0' } });
    expect(message(await create())).toMatch(
      /does not offer this version of the API \(UNSUPPORTED_API_VERSION\).*Set SALESFORCE_API_VERSION/,
    );
  });

  test('is logged when the service starts', async () => {
    await start({ env: { SALESFORCE_API_VERSION: '67.0' } });
    await checkApiVersions(service.context, new AbortController().signal);
    const line = service.logged.find((each) => each.includes('"event":"api_version_unsupported"'));
    expect(line).toContain('Set SALESFORCE_API_VERSION to 66.0.');
  });

  test('is not blamed for a missing object', async () => {
    await start();
    const answer = await service.call('create_importing_job', { user_id: userId, object_name: 'Nothing__c', start_date: '2023-03-01' });
    expect(answer).toMatchObject({ status: 404, code: 'not_found' });
  });
});

describe('a web page instead of a Salesforce response', () => {
  test('to a describe is reported without its content', async () => {
    await start();
    service.salesforce.faults.arm({ kind: 'http', status: 200, headers: HTML_HEADERS, body: PAGE, match: { path: '/describe' } });
    const answer = await create();
    expect(answer).toMatchObject({ status: 503, code: 'salesforce_unavailable' });
    expect(message(answer)).toMatch(
      /^Could not describe Account: a web page was returned .* \(HTTP 200\)\. It may be a login page, a maintenance page or a proxy/,
    );
    expect(answer.text).not.toContain('Jane');
  });

  test.each([
    ['the first page of rows', {}, 200, { path: 'queryAll?q=SELECT%20Id' }],
    ['a count', {}, 200, { path: 'COUNT' }],
    ['a new Bulk job', BULK, 200, { method: 'POST', path: '/jobs/query' }],
    ['a look at a Bulk job', BULK, 200, { method: 'GET', path: '/jobs/query/' }],
    ['a result page', BULK, 200, { path: '/results' }],
    ['a result page, with a status of its own', BULK, 404, { path: '/results' }],
  ])('to %s is transient', async (_what, limits, status, match) => {
    await start({ limits });
    await create();
    service.salesforce.faults.arm({ kind: 'http', status, headers: HTML_HEADERS, body: PAGE, match });
    expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
    expect(service.salesforce.faults.list()).toEqual([]);
    expect(service.logged.join('')).toMatch(
      /a web page was returned instead of a Salesforce API response|Salesforce returned a malformed response/,
    );
    await expectWholeTable(service);
  });
});

describe('results of a Bulk job', () => {
  test.each([
    ['refused as if the job were not complete', 400, 'INVALIDJOBSTATE'],
    ['refused in conflict', 409, 'CONFLICT'],
  ])('%s are fetched again', async (_what, status, code) => {
    await start({ limits: BULK });
    await create();
    refuse('/results', code, 'The job is not complete.', { status, times: 1 });
    expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
    await expectWholeTable(service);
    expect((await service.database.pool.query('SELECT generation FROM slices')).rows).toEqual([{ generation: 1 }]);
  });

  test('that start with a byte order mark are fetched again', async () => {
    const { instance } = await startBehindGateways({ limits: BULK });
    await create();
    let marked = 0;
    instance.handler = async (call, pass) => {
      const reply = await pass();
      return call.url.includes('/results') && marked++ === 0 ? { ...reply, body: `\uFEFF${reply.body}` } : reply;
    };
    expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
    expect(marked).toBe(2);
    await expectWholeTable(service);
  });

  test('without rows may have no body', async () => {
    const { instance } = await startBehindGateways({ limits: BULK });
    await create();
    const rows = ({ body }: { body: string }): string => String(JSON.parse(body).numberRecordsProcessed);
    instance.handler = async (call, pass) => {
      const reply = await pass();
      // The rows are deleted before Bulk runs its query.
      if (call.soql.includes('COUNT()')) return jsonReply(200, { totalSize: 0, done: true, records: [] });
      if (/\/query\/\w+$/.test(call.url)) return { ...reply, body: reply.body.replace(`:${rows(reply)},`, ':0,') };
      if (!call.url.includes('/results')) return reply;
      return { status: 200, headers: { ...reply.headers, 'sforce-numberofrecords': '0', 'sforce-locator': 'null' }, body: '' };
    };
    await service.tickAt(TICK);
    expect(await job()).toMatchObject({ last_date: '2023-03-20', run: { receipt: { processed: 0, staged: 0, pages: 1 } } });
  });
});

test('a window that REST cannot read in time and Bulk refuses is read in parts', async () => {
  const { instance } = await startBehindGateways();
  await create();
  const handler: Handler = async (call, pass) => {
    if (call.method === 'POST' && call.url.endsWith('/jobs/query'))
      return refusal('INVALIDENTITY', "Entity 'Account' is not supported by the Bulk API.");
    const reply = await pass();
    if (!call.soql.startsWith('SELECT Id,')) return reply;
    const { totalSize } = JSON.parse(reply.body) as { totalSize: number };
    return totalSize > 20 ? refusal('QUERY_TIMEOUT', 'Your query request was running for too long.') : reply;
  };
  instance.handler = handler;
  expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
  await expectWholeTable(service);
  expect(Number((await service.database.pool.query('SELECT FROM slices')).rowCount)).toBeGreaterThan(1);
});

describe('a login that Salesforce refuses', () => {
  test.each([
    ['inactive user', 'needs_login', /is inactive\. Have an admin .* activate the user/],
    ['expired access/refresh token', 'needs_login', /\(invalid_grant: expired access\/refresh token\).*call get_oauth_url/],
    ['ip restricted', 'login_refused', /IP address .*Login IP Ranges/],
    ['invalid login hours', 'login_refused', /login hours/],
    ['inactive organization', 'login_refused', /org is inactive/],
    ['token request is already being processed', 'salesforce_unavailable', /already being processed/],
  ])('for "%s" is shown as %s', async (error_description, code, shown) => {
    const { login, instance } = await startBehindGateways();
    await create();
    instance.handler = () => refusal('INVALID_SESSION_ID', 'Session expired or invalid', 401);
    login.handler = () => jsonReply(400, { error: 'invalid_grant', error_description });
    const error = await tickUntilError();
    expect(error.code).toBe(code);
    expect(error.message).toMatch(shown);
    expect((await job()).needs_login).toBe(code === 'needs_login');
  });
});

describe("BigQuery's own reason", () => {
  test('for a page that cannot be loaded is shown without the value', async () => {
    await start();
    await create();
    const text =
      "Error while reading data, error message: Could not parse 'Jane Roe' as INT64 for field Name (position 3) starting at location 45";
    await bigqueryFault({ kind: 'job-failed', times: 1_000, reason: 'invalid', message: text, match: '_load_' });
    expect((await failure()).message).toContain(
      'Could not load a page: BigQuery refused it (invalid): Error while reading data, error message: Could not parse … as INT64 for field Name (position 3) starting at location 45',
    );
  });

  test('for a refused statement is shown with its position', async () => {
    await start();
    await create();
    await bigqueryFault({
      kind: 'job-failed',
      times: 1_000,
      reason: 'invalidQuery',
      message: 'Unrecognized name: Rating at [3:14]',
      match: '_merge_',
    });
    const error = await failure();
    expect(error.code).toBe('bigquery_refused');
    expect(error.message).toMatch(/BigQuery refused it \(invalidQuery\): Unrecognized name: Rating at \[3:14\]\.$/);
  });

  test('for denied access is shown with the required roles', async () => {
    await start();
    await create();
    await bigqueryFault({
      kind: 'http',
      times: 1_000,
      status: 403,
      reason: 'accessDenied',
      message: 'Access Denied: Table acme:salesforce.Account',
      match: '/tables/Account',
    });
    expect((await failure()).message).toMatch(
      /BigQuery denied access \(accessDenied\): Access Denied: Table acme:salesforce\.Account\. Check the roles .*BigQuery Data Editor/,
    );
  });
});
