// cspell:ignore Emial Laed Ledgr prodution
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { apply } from '../../../app/commands/jobs/apply.ts';
import { exportJobs } from '../../../app/commands/jobs/export.ts';
import { type GatewayService, refusal, startGatewayService } from '../../support/gateway.ts';

/** The jobs of an org with many objects, as a file says. */
let service: GatewayService;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'apply-'));
  service = await startGatewayService({ salesforce: { customObjects: 60 } });
  await service.connect();
  await fetch(`${service.url}/v1/connections/1`, { method: 'PATCH', body: new URLSearchParams({ alias: 'production' }) });
});
afterEach(async () => {
  await service[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Runs apply with a file of this text. */
async function applyText(
  text: string,
  options: { dryRun?: boolean; pauseMissing?: boolean; json?: boolean } = {},
): Promise<{ code: number; printed: string }> {
  const file = join(folder, 'sync.yaml');
  await writeFile(file, text);
  const printed: string[] = [];
  const print = jest.spyOn(console, 'log').mockImplementation((line) => void printed.push(String(line)));
  const stop = new AbortController().signal;
  try {
    const code = await apply({ args: [], options: { file, url: service.url, ...options }, env: {}, stop });
    return { code, printed: printed.join('\n') };
  } finally {
    print.mockRestore();
  }
}

async function exported(json = false): Promise<string> {
  const file = join(folder, 'exported.yaml');
  expect(await exportJobs({ args: [], options: { file, json, url: service.url }, env: {}, stop: new AbortController().signal })).toBe(0);
  return await readFile(file, 'utf8');
}

/** All objects but most of those without rows. */
const ALL_OBJECTS = `
defaults:
  start_date: all
connections:
  production:
    jobs:
      all:
        except: ["*Feed", "*History", "*Share", "*ChangeEvent", "O*", "P*", "S*", "T*", "W*", "*t__c", "*m__c", "*w__c", "*r__c", "*n__c",
          "*e__c", "*r__c", "*Ledger__c"]
      LoginHistory: { deletes: blank }
      Account: { every: 6h, deletes: blank }
      Opportunity*:
        except: "*ChangeEvent"
`;

test('all objects of an org are set up and synced by one file, and what is left out is listed with the reason', async () => {
  service.instance.handler = async (call, pass) =>
    call.url.includes('/Ledger_0007__c/describe') ? refusal('INSUFFICIENT_ACCESS', 'No access.', 403) : await pass();
  const first = await applyText(ALL_OBJECTS);
  expect(first.code).toBe(1);
  expect(first.printed).toMatch(/create +production +Account +start_date=all every=6h deletes=blank/);
  expect(first.printed).toMatch(/create +production +OpportunityHistory +start_date=all/);
  // A refused object does not stop the others.
  expect(first.printed).toMatch(/create +production +LoginHistory +LoginHistory has no IsDeleted field, so deletes must be keep\./);
  expect(first.printed).toMatch(
    /Left out \(1\): <object> cannot be imported by time window\..*requires a filter.*\n {2}ContentDocumentLink/,
  );
  expect(first.printed).toMatch(/Left out \(1\): .*INSUFFICIENT_ACCESS.*\n {2}Ledger_0007__c/);
  const created = (await service.jobs()).length;
  expect(first.printed).toContain(`Done: ${created} created. The next tick starts the imports.`);
  // Few calls per object: it is described, and its window is tried. Two more are for all of them, and are repeated for what was left out.
  const calls = service.instance.calls.filter(({ url, soql }) => url.includes('Ledger_0009__c') || soql.includes('Ledger_0009__c'));
  expect(calls.map(({ url }) => url.replace(/.*v[\d.]+/, '').replace(/\?.*/, ''))).toEqual([
    '/sobjects/Ledger_0009__c/describe',
    '/queryAll',
  ]);
  expect(service.instance.calls.filter(({ url }) => url.includes('/recordCount'))).toHaveLength(1);

  const fixed = ALL_OBJECTS.replace('LoginHistory: { deletes: blank }', 'LoginHistory: {}');
  const second = await applyText(fixed);
  expect(second).toMatchObject({ code: 0, printed: expect.stringContaining('Plan: 1 to create.') });
  const third = await applyText(fixed);
  expect(third).toMatchObject({ code: 0, printed: expect.stringMatching(/^Nothing to change\. \(\d+ unchanged, 3 left out\)$/m) });
  expect(third.printed).toMatch(/Left out .*INSUFFICIENT_ACCESS.*\n {2}Ledger_0007__c/);

  while (!(await service.tickAt('2023-03-02T00:10:00Z')).text.startsWith('OK')) {}
  const states = new Set((await service.jobs()).map(({ state, last_date }) => `${state} ${last_date}`));
  expect([...states]).toEqual(['complete 2023-03-02']);
  const ledgers = (await service.jobs()).filter(({ object_name }) => object_name.startsWith('Ledger_'));
  const counts = ledgers.map(({ object_name }) => `SELECT COUNT(*) AS n FROM salesforce.${object_name}`);
  const [{ n } = {}] = await service.rows(`SELECT SUM(n) AS n FROM (${counts.join(' UNION ALL ')})`);
  expect([ledgers.length, n]).toEqual([59, 178]);
});

test('a file changes, pauses and resumes jobs, and says what it would do first', async () => {
  const file = (jobs: string): string => `connections: { production: { defaults: { start_date: 2023-02-01 }, jobs: { ${jobs} } } }`;
  const jobs = async () =>
    (await service.jobs()).map(({ object_name, start_date, every, active }) => [object_name, start_date, every, active]);

  const planned = await applyText(file('Account: {}, Contact: { every: 6h }, Lead: { paused: true }'), { dryRun: true });
  expect(planned).toMatchObject({ code: 0, printed: expect.stringContaining('Plan: 3 to create.') });
  expect(await jobs()).toEqual([]);
  expect((await applyText(file('Account: {}, Contact: { every: 6h }, Lead: { paused: true }'))).code).toBe(0);
  expect((await jobs()).toSorted()).toEqual([
    ['Account', '2023-02-01', 'day', 1],
    ['Contact', '2023-02-01', '6h', 1],
    ['Lead', '2023-02-01', 'day', 0],
  ]);

  // What the file leaves out stays as it is, and a job that it does not contain is left running.
  const unchanged = await applyText(file('Contact: {}, Lead: {}'), { pauseMissing: false });
  expect(unchanged.printed).toMatch(/missing +production +Account +not in the file, and left running; --pause-missing pauses it/);
  expect(unchanged.printed).toContain('Paused, and left so because the file does not say paused: false: 1 job.');
  expect(unchanged.printed).toContain('Nothing to change. (2 unchanged, 1 missing from the file)');
  expect(await applyText(file('Contact: {}, Lead: {}'), { pauseMissing: true })).toMatchObject({
    code: 0,
    printed: expect.stringContaining('Done: 1 paused.'),
  });

  const shown = await applyText(file('Account: {}, Lead: { every: 1h }'), { dryRun: true, json: true });
  const { warnings, steps } = JSON.parse(shown.printed) as { warnings: unknown[]; steps: { object_name: string }[] };
  expect(warnings).toEqual([]);
  expect(steps.toSorted((one, other) => one.object_name.localeCompare(other.object_name))).toEqual([
    expect.objectContaining({ action: 'unchanged', object_name: 'Account', outcome: null }),
    expect.objectContaining({ action: 'missing', object_name: 'Contact' }),
    { action: 'change', connection: 'production', object_name: 'Lead', details: 'every: day → 1h', outcome: 'planned', error: null },
  ]);

  const changed = await applyText(file('account: { paused: false }, Contact: { every: day, start_date: all }, Lead: {}'));
  expect(changed.printed).toMatch(/change +production +Contact +start_date: 2023-02-01 → all, every: 6h → day/);
  expect(changed).toMatchObject({ code: 0, printed: expect.stringContaining('Done: 1 changed, 1 resumed.') });
  expect((await jobs()).toSorted()).toEqual([
    ['Account', '2023-02-01', 'day', 1],
    ['Contact', 'all', 'day', 1],
    ['Lead', '2023-02-01', 'day', 0],
  ]);

  const refused = await applyText(
    file('Account: { start_date: 2023-02-02 }, Contact: { start_date: all, dataset: other }, Lead: {}, Laed: {}, "Ledgr*": {}'),
  );
  expect(refused.code).toBe(1);
  expect(refused.printed).toMatch(
    /Account +start_date is 2023-02-01 and can only become earlier, not 2023-02-02\. Write 2023-02-01 in the file/,
  );
  expect(refused.printed).toMatch(/Contact +dataset is salesforce and cannot become other\./);
  expect(refused.printed).toMatch(/Laed +The connection's user cannot see an object named Laed\. Did you mean Lead\?/);
  expect(refused.printed).toContain('Warning: The pattern Ledgr* matches no object.');

  const text = await exported();
  expect(text).toContain('  start_date: 2023-02-01\n  dataset: salesforce\n');
  expect(text).toContain('      Contact:\n        start_date: all\n      Lead:\n        paused: true\n');
  expect(await applyText(text)).toMatchObject({ code: 0, printed: 'Nothing to change. (3 unchanged)' });
  const inJson = await exported(true);
  expect(JSON.parse(inJson)).toMatchObject({ connections: { production: { jobs: { Contact: { start_date: 'all' } } } } });
  expect(await applyText(inJson)).toMatchObject({ code: 0, printed: 'Nothing to change. (3 unchanged)' });
  await expect(applyText(text.replace('production', 'prodution'))).rejects.toThrow(
    /sync\.yaml:\d+:3: The service has no connection prodution\. Did you mean production\? The service has production\./,
  );
});

test('lists of fields are those of the file and of the connection, and one for many objects may name fields that only some have', async () => {
  await fetch(`${service.url}/v1/connections/production`, {
    method: 'PATCH',
    body: new URLSearchParams({ exclude_fields: '*.Fax,Lead.Title' }),
  });
  const file = (lists: string): string => `
defaults: { start_date: 2023-02-01, exclude_fields: [Industry, Contact.Department] }
connections:
  production:
    jobs:
      Account: {}
      Contact: {}
      Lead: { ${lists} }
`;
  const lists = async () => {
    const jobs = JSON.parse((await service.call('jobs')).text).jobs as {
      object_name: string;
      exclude_fields: string[];
      history: boolean;
    }[];
    return Object.fromEntries(jobs.map(({ object_name, exclude_fields }) => [object_name, exclude_fields]));
  };
  expect(await applyText(file('exclude_fields: [email], history: true'))).toMatchObject({ code: 0 });
  expect(await lists()).toEqual({
    Account: ['*.Fax', '*.Industry'],
    Contact: ['*.Fax', '*.Industry', 'Contact.Department'],
    Lead: ['*.Fax', 'Lead.Title', 'email'],
  });
  const again = file('exclude_fields: [EMAIL], history: true');
  expect(await applyText(again)).toMatchObject({ code: 0, printed: 'Nothing to change. (3 unchanged)' });
  expect(await applyText(await exported())).toMatchObject({ code: 0, printed: 'Nothing to change. (3 unchanged)' });
  const changed = await applyText(file('exclude_fields: [], history: true'));
  expect(changed.printed).toMatch(/change +production +Lead +exclude_fields: \*\.Fax,Lead\.Title,email → \*\.Fax,Lead\.Title$/m);
  expect(changed).toMatchObject({ code: 0, printed: expect.stringContaining('Done: 1 changed.') });
  expect(await lists()).toMatchObject({ Lead: ['*.Fax', 'Lead.Title'] });
  const refused = await applyText(file('exclude_fields: [Emial]'));
  expect(refused).toMatchObject({ code: 1, printed: expect.stringContaining('sees no such field of Lead') });
});

test('an API key is required, and a service that does not respond is reported', async () => {
  const stop = new AbortController().signal;
  const run = async (options: object, env: NodeJS.ProcessEnv = {}) => await exportJobs({ args: [], options, env, stop });
  await expect(run({}, { SERVICE_URL: 'http://sync.example.com', SYNC_API_KEY: 'key' })).rejects.toThrow('Use https');
  await expect(run({}, { SERVICE_URL: 'https://sync.example.com' })).rejects.toThrow('SYNC_API_KEY is not set');
  const print = jest.spyOn(console, 'error').mockImplementation(() => {});
  expect(await run({ url: 'http://127.0.0.1:9' })).toBe(1);
  expect(print.mock.calls).toEqual([
    [expect.stringMatching(/^The service at http:\/\/127\.0\.0\.1:9 does not respond \(ECONNREFUSED\)\./)],
  ]);
  print.mockRestore();
});
