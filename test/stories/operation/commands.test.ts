import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { activity } from '../../../app/commands/activity.ts';
import type { Command } from '../../../app/commands/command.ts';
import { connectLinks } from '../../../app/commands/connect-links.ts';
import { connections } from '../../../app/commands/connections.ts';
import { dbtSources } from '../../../app/commands/jobs/dbt-sources.ts';
import { change, compare, deleteJob, pause, reimport, resume, syncNow } from '../../../app/commands/jobs/job-actions.ts';
import { jobs } from '../../../app/commands/jobs/jobs.ts';
import { objects } from '../../../app/commands/jobs/objects.ts';
import { preview } from '../../../app/commands/jobs/preview.ts';
import { suggestFieldPolicy } from '../../../app/commands/jobs/suggest-field-policy.ts';
import { accept, cancel, retry, run } from '../../../app/commands/runs/run-actions.ts';
import { runs } from '../../../app/commands/runs/runs.ts';
import { version } from '../../../app/commands/version.ts';
import { watch } from '../../../app/commands/watch/watch.ts';
import { saveHeartbeat } from '../../../app/store/processes.ts';
import { VERSION } from '../../../app/version.ts';
import { type JobView, repairEnded, startService, type TestService } from '../../support/service.ts';
import { serviceEnvironment } from '../../support/service-environment.ts';

/** The commands that call a running service. */
let service: TestService;
let userId: string;

beforeEach(async () => {
  service = await startService();
  userId = await service.connect();
  for (const object_name of ['Account', 'Contact']) {
    await service.call('create_importing_job', { user_id: userId, object_name, start_date: '2023-02-27' });
  }
});
afterEach(() => service[Symbol.asyncDispose]());

/** Waits until a watch has looked several times from now on: each look lists runs a few times. */
async function looks(): Promise<void> {
  const looked = Promise.withResolvers<void>();
  let lists = 0;
  const count = (message: unknown): void => {
    if ((message as { request: IncomingMessage }).request.url!.startsWith('/v1/runs') && ++lists === 12) looked.resolve();
  };
  subscribe('http.server.response.finish', count);
  await looked.promise;
  unsubscribe('http.server.response.finish', count);
}

interface Printed {
  code: number;
  out: string;
  errors: string;
}

/** Runs a command, by default against the service's address. */
async function runCommand(
  command: unknown,
  args: string[] = [],
  options: object = {},
  env?: NodeJS.ProcessEnv,
  stop = new AbortController().signal,
): Promise<Printed> {
  const [out, errors]: string[][] = [[], []];
  const spies = [
    jest.spyOn(console, 'log').mockImplementation((line) => void out!.push(String(line))),
    jest.spyOn(console, 'error').mockImplementation((line) => void errors!.push(String(line))),
  ];
  try {
    const code = await (command as Command<object>)({
      args,
      options: env ? options : { url: service.url, ...options },
      env: env ?? {},
      stop,
    });
    return { code, out: out!.join('\n'), errors: errors!.join('\n') };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const NO_RUN = '0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11';

async function jobOf(name: string): Promise<JobView> {
  return (await service.jobs()).find(({ object_name }) => object_name === name)!;
}

describe('jobs', () => {
  test('are listed by state and object, as a table and as JSON', async () => {
    await service.call('pause_importing_job', { user_id: userId, object_name: 'Contact' });
    const all = await runCommand(jobs);
    expect(all.code).toBe(0);
    expect(all.out).toMatch(
      /^.*object +state .*\n─.*\nAccount +complete +2023-02-27 .* salesforce\.Account +[-0-9a-f]{36}\nContact +paused /,
    );
    expect((await runCommand(jobs, [], { state: 'paused' })).out).toMatch(/─\nContact +paused [^\n]*$/);
    expect((await runCommand(jobs, [], { object: 'Lead' })).out).toBe('No job matches.');
    const { out } = await runCommand(jobs, [], { object: 'account', json: true });
    expect(JSON.parse(out)).toEqual({ jobs: [await jobOf('Account')] });
  });

  test('are synced, imported again, changed, paused, resumed and deleted by their object or id', async () => {
    await service.tickAt('2023-03-01T00:20:00Z');
    const { id } = await jobOf('Account');
    expect((await runCommand(syncNow, ['account'])).out).toMatch(
      /^Run [-0-9a-f]{36} of Account \(2023-03-01 to 2023-03-01T.*\) is queued\./,
    );
    await repairEnded(service);
    const queued = await runCommand(reimport, [id], { from: '2023-02-28', json: true });
    expect(JSON.parse(queued.out)).toMatchObject({ job_id: id, kind: 'reimport', from: '2023-02-28', state: 'queued' });
    await repairEnded(service);
    expect((await runCommand(compare, [id])).code).toBe(0);
    expect(await repairEnded(service)).toMatchObject({ compare: true, state: 'succeeded' });
    expect((await runCommand(runs, [], { job: id })).out).toMatch(/\nAccount +compare +2023-02-27 .*\nAccount +reimport +2023-02-28 /);
    expect((await runCommand(jobs, [], { object: 'Account' })).out).toContain(' compare succeeded ');
    await runCommand(reimport, [id], { ids: '0015g00000ABCde,0015g00000ABCdf' });
    await repairEnded(service);
    const { out } = await runCommand(activity);
    for (const which of ['from=2023-02-28 to=2023-03-01', 'from=2023-02-27 to=2023-03-01 compare=true', 'ids=2'])
      expect(out).toMatch(new RegExp(`repair requested +Account +kind=reimport ${which} `));
    expect(out).not.toContain('0015g');

    expect(await runCommand(change, ['Account'], { every: '6h' })).toMatchObject({
      code: 0,
      out: 'Windows close with every=6h from the next tick on.',
    });
    expect((await runCommand(change, ['Account'], { startDate: '2999-01-01' })).errors).toMatch(/^start_date 2999-01-01 is in the future/);
    expect((await runCommand(pause, ['Account'])).out).toMatch(/^The job for Account is paused\./);
    expect(await runCommand(syncNow, ['Account'])).toMatchObject({ code: 1, errors: expect.stringContaining('is paused') });
    expect((await runCommand(resume, ['Account'])).out).toMatch(/^The job for Account is active\./);
    expect((await runCommand(deleteJob, ['Account'], { table: 'drop' })).out).toMatch(/^The job for Account is deleted\./);
    await expect(runCommand(pause, ['Account'])).rejects.toThrow('There is no job for Account. List all with: node app/cli.ts jobs.');
  });

  test('are previewed', async () => {
    const found = await runCommand(preview, ['1', 'Lead'], { startDate: 'all', every: '1h', excludeFields: 'Phone' });
    expect(found.code).toBe(0);
    expect(found.out).toMatch(/\nPhone +.*excluded +exclude_fields lists it\n/);
    expect(found.out).toMatch(/\nmode: windows, by SystemModstamp\n/);
    expect(found.out).toMatch(
      /\nfirst import: REST \([\d,]+ rows, at most 10,000\), 1 slice, about 3 Salesforce calls \(0\.0\d% of what the service may make a day\)/,
    );
    expect(found.out).toMatch(/\nper day \(every=1h\): up to \d+ Salesforce calls/);
    expect(found.out).toMatch(/\nA job for Lead can be created\. Nothing was written\.$/);
    const refused = await runCommand(preview, ['1', 'AppDefinition'], { startDate: 'all' });
    expect(refused).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^Refused: AppDefinition cannot be imported .*\(invalid_request\)$/),
    });
  });
});

describe('connections', () => {
  test('are listed, shown, tested, changed and disconnected at an address, as text and as JSON', async () => {
    expect((await runCommand(connections)).out).toMatch(/^id +alias +org .*\n─.*\n1 +Burlington Textiles Corp\. \(sandbox\) .* active +2 /);
    expect((await runCommand(connections, ['list'])).out).toContain(userId);
    const { out } = await runCommand(connections, ['list'], { json: true });
    expect(JSON.parse(out)).toMatchObject({ connections: [{ id: 1, user_id: userId, jobs: 2 }] });
    expect((await runCommand(connections, ['change', userId], { alias: 'production', apiShare: '0.3' })).out).toMatch(
      /\nalias: production\n(.*\n)*api_share: 0\.3\n/,
    );
    expect((await runCommand(connections, ['test', 'production'])).out).toMatch(/^Works: /);
    const shown = await runCommand(connections, ['show', 'production'], { json: true });
    expect(JSON.parse(shown.out)).toMatchObject({ alias: 'production', calls_in_24_hours: { own: expect.any(Number) } });
    expect(await runCommand(connections, ['show', 'unknown'])).toMatchObject({
      code: 1,
      errors: expect.stringContaining('/v1/connections lists all of them'),
    });
    expect(JSON.parse((await runCommand(connections, ['disconnect', '1'], { json: true })).out)).toMatchObject({
      status: 'disconnected',
      message: expect.stringContaining('2 jobs are paused'),
    });
  });

  test('are created by links, which one command creates, lists and revokes', async () => {
    expect((await runCommand(connectLinks)).out).toMatch(/^There are no connect links\./);
    const [url, more] = (await runCommand(connectLinks, ['create'])).out.split('\n');
    expect(url).toMatch(/\/connect\/[-\w]{43}$/);
    const [, id] = /^It connects any org at .*, once and before .* UTC\. .* connect-links revoke ([-0-9a-f]{36})\.$/.exec(more!)!;
    expect(JSON.parse((await runCommand(connectLinks, ['list'], { json: true })).out)).toMatchObject({ links: [{ id, state: 'open' }] });
    expect(JSON.parse((await runCommand(connectLinks, ['revoke', id!], { json: true })).out)).toMatchObject({ id, state: 'revoked' });
    expect(await runCommand(connectLinks, ['create'], { orgId: 'acme' })).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/^org_id must be the Id of an org/),
    });
    await expect(runCommand(connectLinks, ['create', id!])).rejects.toThrow('connect-links create takes no link.');
    await expect(runCommand(connectLinks, ['list'], { orgId: 'acme' })).rejects.toThrow('connect-links list has no option --org-id.');
  });
});

describe('objects', () => {
  test('are listed with the reason why some cannot be imported, and described', async () => {
    const { out } = await runCommand(objects, ['1']);
    expect(out).toMatch(/^object +label +rows +API +job +cannot be imported because\n─/);
    expect(out).toContain(`rest  ${(await jobOf('Account')).id}`);
    expect(out).toMatch(/\nAppDefinition .* \S+.*$/m);
    const account = await runCommand(objects, ['1', 'account']);
    expect(account.out).toMatch(
      /^object {4}Account \(Account\)\nrows {6}about [\d,]+\nAPI {7}rest: .*\nmode {6}windows, by SystemModstamp\nfields {4}\d+, /,
    );
    expect(account.out).toMatch(/\nBillingAddress +address +\S/);
    expect(JSON.parse((await runCommand(objects, ['1', 'Account'], { json: true })).out)).toMatchObject({
      name: 'Account',
      mode: 'windows',
    });
    expect(await runCommand(objects, ['nowhere'])).toMatchObject({
      code: 1,
      errors: expect.stringContaining('/v1/connections lists all of them'),
    });
  });

  test('are shown with the fields that are classified as sensitive, and their tables as sources of dbt', async () => {
    const none = "No field of Contact that the connection's user sees is classified as sensitive.";
    expect(await runCommand(suggestFieldPolicy, ['1', 'contact'])).toEqual({ code: 0, out: none, errors: '' });
    const classification = { security: 'Restricted', compliance: ['PII'] };
    service.salesforce.org.changeField('Contact', { field: 'Birthdate', change: 'classify', classification });
    expect((await runCommand(suggestFieldPolicy, ['1', 'Contact'])).out).toMatch(
      /\nBirthdate +Birthdate +Restricted +PII +exclude\n\nexclude_fields=Birthdate\nhash_fields=$/,
    );
    const { out } = await runCommand(suggestFieldPolicy, ['1', 'Contact'], { json: true });
    expect(JSON.parse(out)).toMatchObject({ readable: true, exclude_fields: ['Birthdate'] });

    await service.tickAt('2023-03-01T00:20:00Z');
    const write = jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
    try {
      expect(await runCommand(dbtSources)).toMatchObject({ code: 0 });
      expect(write.mock.calls.join('')).toMatch(/^# The tables of .*\n +- name: Account\n/s);
    } finally {
      write.mockRestore();
    }
    expect(await runCommand(dbtSources, [], { dataset: 'other' })).toMatchObject({
      code: 1,
      errors: expect.stringContaining('dataset must be one of salesforce.'),
    });
  });
});

describe('the service', () => {
  test('shows its version and who changed what', async () => {
    await service.call('pause_importing_job', { user_id: userId, object_name: 'Contact' });
    await saveHeartbeat(service.database.pool, { id: NO_RUN, host: 'ip-10-0-1-17', version: '1.0.0' });
    expect((await runCommand(version)).out).toMatch(new RegExp(`^version ${VERSION}\\n\\n.*\\n─.*\\nip-10-0-1-17 +1\\.0\\.0 .* UTC`));
    expect((await runCommand(activity)).out).toMatch(
      /^when +who +what .*\n─.*\n.* UTC +local +job paused +Contact\b.*\n.*job created +Contact +every=day .* start_date=2023-02-27 *\n/,
    );
    const { out } = await runCommand(activity, [], { limit: '1' });
    const [, after] = /\nEarlier changes: add --after (\S+)$/.exec(out)!;
    const { changes } = JSON.parse((await runCommand(activity, [], { after, json: true })).out) as { changes: { action: string }[] };
    expect(changes.map(({ action }) => action)).not.toContain('job_paused');
  });
});

describe('runs', () => {
  test('are listed, shown with their receipt, and cancelled', async () => {
    await service.tickAt('2023-03-01T00:20:00Z');
    const { run: latest } = await jobOf('Account');
    const list = await runCommand(runs, [], { job: 'account' });
    expect(list.out).toMatch(/^.*object +kind .*\n─.*\nAccount +window +2023-02-27 +2023-03-01 +succeeded +exact .* UTC +[-0-9a-f]{36}$/);
    const { receipt } = await service.repair('rebuild');
    const rebuilt = await runCommand(runs, [], { kind: 'rebuild' });
    expect(rebuilt.out).toMatch(new RegExp(`exact +${receipt.rows_after!.toLocaleString('en')} `));
    expect((await runCommand(runs, [], { limit: '1' })).out).toMatch(/\nEarlier runs: add --after \S+$/);
    expect(JSON.parse((await runCommand(runs, [], { state: 'failed', json: true })).out)).toEqual({ runs: [], next: null });
    const shown = await runCommand(run, [latest!.id]);
    expect(shown.out).toMatch(
      /^run +[-0-9a-f]{36}\nobject +Account\nkind +window\n(.*\n)*worker +\S+, version \d+\.\d+\.\d+\n(.*\n)*verdict +exact\n(.*\n)*cost +[\d.]+ Salesforce calls?, /,
    );
    expect(JSON.parse((await runCommand(run, [latest!.id], { json: true })).out)).toMatchObject({
      id: latest!.id,
      stages: expect.any(Array),
    });
    for (const command of [cancel, retry, accept]) {
      expect(await runCommand(command, [NO_RUN])).toMatchObject({ code: 1, errors: expect.stringMatching(/^No run has this id\./) });
    }
    expect(await runCommand(cancel, [latest!.id])).toMatchObject({ code: 1, errors: expect.stringContaining('already ended (succeeded)') });
    await expect(runCommand(cancel, ['12'])).rejects.toThrow('The run id must be a UUID.');
  });

  test('say once why they are deferred', async () => {
    await service.tickAt('2023-03-01T00:20:00Z');
    const [from, to] = [-1, 2].map((hours) => new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16));
    await runCommand(connections, ['change', '1'], { quietHours: `${from}-${to}` });
    await runCommand(reimport, ['Account']);
    while ((await jobOf('Account')).repair?.error?.code !== 'quiet_hours') await sleep(20);
    const { out } = await runCommand(runs, [], { job: 'Account', state: 'queued' });
    expect(out).toMatch(/\nAccount +reimport .* deferred until \S+ \S+ UTC \(quiet_hours\) +[-0-9a-f]{36}$/);
  });

  test('are watched until none is open', async () => {
    const started = runCommand(watch, [], { interval: 0.1, untilIdle: true });
    await started;
    await service.stopWorker();
    service.salesforce.clock.set(new Date('2023-03-01T00:20:00Z'));
    await service.call('handle_importing_job');
    const watched = runCommand(watch, [], { interval: 0.1, untilIdle: true });
    await looks();
    service.startWorker();
    const { code, out } = await watched;
    expect(code).toBe(0);
    expect(out).toMatch(/^Account window 2023-02-27 to 2023-03-01 succeeded in \d+ s: exact, \d+ inserted$/m);
    expect(out).toMatch(/^Contact window .* succeeded/m);
  });

  test('are watched until Ctrl-C', async () => {
    const stop = new AbortController();
    const watched = runCommand(watch, [], { interval: 0.1, json: true }, undefined, stop.signal);
    await looks();
    await service.tickAt('2023-03-01T00:20:00Z');
    await looks();
    stop.abort();
    const { code, out } = await watched;
    expect(code).toBe(0);
    const seen = out.split('\n').map((line) => JSON.parse(line) as { object_name: string; state: string });
    expect(seen).toEqual(expect.arrayContaining([expect.objectContaining({ object_name: 'Account', state: 'succeeded' })]));
  });
});

describe('the service of a command', () => {
  test('is the one that the environment configures, and the audit shows the command line', async () => {
    const { database, salesforce, bigquery } = service;
    const env = { ...serviceEnvironment(database.url, salesforce, bigquery), API_KEYS: `ops:operate:${'a'.repeat(64)}` };
    const log = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
    try {
      expect(await runCommand(pause, ['Account'], {}, env)).toMatchObject({ code: 0, out: expect.stringContaining('is paused') });
    } finally {
      log.mockRestore();
    }
    expect(await jobOf('Account')).toMatchObject({ state: 'paused' });
    const { rows } = await database.pool.query(`SELECT by, action FROM audit WHERE action = 'job_paused'`);
    expect(rows).toEqual([{ by: 'command line', action: 'job_paused' }]);
  });

  test('must be named by an address that keeps the key secret', async () => {
    await expect(runCommand(jobs, [], { url: 'http://sync.acme.example' })).rejects.toThrow(
      'would send the API key in clear text. Use https.',
    );
    await expect(runCommand(jobs, [], { url: 'https://sync.acme.example' })).rejects.toThrow('SYNC_API_KEY is not set.');
    await expect(runCommand(jobs, [], {}, { SYNC_API_KEY: 'key' })).rejects.toThrow(
      /^SYNC_API_KEY is set, but not the address of its service.* Set SERVICE_URL or --url/,
    );
    await expect(runCommand(jobs, [], { url: 'sync' })).rejects.toThrow('sync is not an address of a service.');
    const unreachable = await runCommand(jobs, [], { url: 'http://localhost:1' });
    expect(unreachable).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/^The service at http:\/\/localhost:1 does not respond \(ECONNREFUSED\)/),
    });
  });
});
