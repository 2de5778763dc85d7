import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startBigQuery } from '../../../app/local/emulators/bigquery/rest/bigquery.ts';
import { readEndpoints } from '../../../app/local/emulators/emulators.ts';
import { type SalesforceEmulator, type SalesforceOptions, startSalesforce } from '../../../app/local/emulators/salesforce/salesforce.ts';
import { clientOf } from '../../support/bigquery.ts';
import { decide } from '../../support/service.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

/** A newcomer connects an org on this machine, by what the command prints alone. */
let folder: string;
let org: SalesforceEmulator;
let child: ChildProcess | undefined;
let output = '';

/** Below the ephemeral ports, and different in each concurrent run of this test. */
const port = 11_000 + (process.pid % 2_000) * 5;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'salesforce-bigquery-connect-'));
});
afterEach(async () => {
  if (child && child.exitCode === null) {
    child.kill('SIGTERM');
    await once(child, 'close');
  }
  await org.close();
  const endpoints = await readEndpoints(data());
  if (endpoints) await rm(endpoints.postgres_folder, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
});

const data = (): string => join(folder, 'data');
const startOrg = async (options: SalesforceOptions = {}): Promise<void> => {
  org = await startSalesforce({ size: 30, bulkDelayMs: 1, ...options });
};

/** A program on the PATH of the command. */
async function addProgram(name: string, script: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, name), 0o755);
}

/** A browser that keeps the address, for the test to follow it. */
async function addBrowser(): Promise<void> {
  for (const name of ['open', 'xdg-open']) await addProgram(name, `printf %s "$1" > ${join(folder, 'address')}`);
}

/** The address that the browser opened. */
async function openedAddress(): Promise<string> {
  const file = join(folder, 'address');
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text) {
      await rm(file);
      return text;
    }
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Presses a button of the consent page, and follows the redirect. @returns the last page's address and text */
async function press(address: string, decision: 'allow' | 'deny'): Promise<{ url: string; text: string }> {
  const response = await fetch(await decide(address, decision));
  return { url: response.url, text: await response.text() };
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  output = '';
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  const started = spawn('sh', ['-c', 'exec "$(node app/node26.cjs)" app/cli.ts "$@"', 'sh', ...args], {
    env: { PATH: [folder, PATH].join(delimiter), HOME, NODE_COMPILE_CACHE, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  for (const stream of [started.stdout, started.stderr]) stream.on('data', (text) => (output += text));
  return started;
}

function connect(options: readonly string[], answers: readonly string[], env: NodeJS.ProcessEnv = {}): void {
  child = start(['connect', '--data', data(), '--port-base', String(port), ...options], env);
  for (const answer of answers) child.stdin!.write(`${answer}\n`);
}

async function printed(pattern: RegExp): Promise<void> {
  while (!pattern.test(output)) {
    if (child!.exitCode !== null) throw new Error(`The process ended before it wrote ${pattern}:\n${output}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A refresh token, as the login of another program has one. */
async function refreshTokenOf({ loginUrl, clientId, clientSecret }: SalesforceEmulator): Promise<string> {
  const verifier = 'v'.repeat(43);
  const redirect_uri = 'http://localhost:1717/OauthRedirect';
  const code_challenge = createHash('sha256').update(verifier).digest('base64url');
  const asked = new URLSearchParams({ response_type: 'code', client_id: clientId, redirect_uri, code_challenge });
  const code = (await decide(`${loginUrl}/services/oauth2/authorize?${asked}`, 'allow')).searchParams.get('code')!;
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uri,
    code_verifier: verifier,
  });
  const reply = await fetch(`${loginUrl}/services/oauth2/token`, { method: 'POST', body });
  return ((await reply.json()) as { refresh_token: string }).refresh_token;
}

async function ended(): Promise<number | null> {
  if (child!.exitCode === null) await once(child!, 'close');
  return child!.exitCode;
}

/** The lines of a settings file that set something. */
const settingsIn = (text: string): string[] => text.split('\n').filter((line) => line && !line.startsWith('#'));

const settings = async (): Promise<string> => await readFile(join(data(), 'env'), 'utf8');

describe('connect', () => {
  test('leads from the address of an org to its first rows', async () => {
    await startOrg();
    // For a few seconds, at one request every 3, Salesforce does not know the new app; the first request checks the address.
    const body = '{"error":"invalid_client_id","error_description":"client identifier invalid"}';
    const headers = { 'content-type': 'application/json;charset=UTF-8' };
    org.faults.arm({ kind: 'http', match: { path: '/services/oauth2/token' }, times: 3, status: 400, body, headers });
    await addBrowser();
    connect([], ['login.salesforce.com', org.loginUrl, 'local', org.clientId, org.clientSecret, 'Nothing__c, Contact,Account', 'all']);
    const first = await openedAddress();
    // Another login's redirect ends nothing.
    const forged = await fetch(`http://localhost:${port}/oauth/callback?error=access_denied&state=forged`);
    expect(forged.status).toBe(404);
    expect(await press(first, 'allow')).toEqual({
      url: `http://localhost:${port}/oauth/done`,
      text: expect.stringContaining('Connected. Close this page'),
    });
    expect([await ended(), output]).toEqual([0, expect.any(String)]);

    expect(output).toMatch(/login\.salesforce\.com and test\.salesforce\.com do not/);
    expect(output).toContain(`\n         Callback URL  http://localhost:${port}/oauth/callback\n`);
    expect(output).toMatch(/Salesforce knows the app \(\d+\.\d s\)/);
    const lines = output.split('\n').filter((line) => !/http|✗|\/tmp/.test(line));
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(output).toMatch(/✗ Nothing__c: /);
    expect(output).toMatch(/✓ Account: \d+ rows, complete before \d{4}-\d\d-\d\d, exact/);
    expect(output).toMatch(/✓ Contact: \d+ rows/);
    const [, sample] = output.split(/ Ten of your rows\n/) as [string, string];
    expect(sample.match(/^ {7}003\w{15} /gm)).toHaveLength(10);

    expect((await stat(join(data(), 'env'))).mode & 0o777).toBe(0o600);
    expect(await settings()).toContain(`SALESFORCE_CLIENT_ID='${org.clientId}'\n`);
    const log = await readFile(join(data(), 'connect.log'), 'utf8');
    for (const secret of [org.clientSecret, org.org.id.slice(0, 15).concat('!'), '5Aep861', 'aPrx']) {
      expect(output).not.toContain(secret);
      expect(log).not.toContain(secret);
    }
  });

  test('asks again after a denial, remembers answers, and serves the org from then on', async () => {
    await startOrg();
    await addBrowser();
    connect([], [org.loginUrl, 'local', org.clientId, org.clientSecret, 'n']);
    const { text } = await press(await openedAddress(), 'deny');
    expect(text).toContain('Not connected. Close this page: the terminal says why.');
    expect(await ended()).toBe(1);
    expect(output).toMatch(/✗ The user denied access\./);

    connect([], ['', '', '', '', 'y', 'User', 'all']);
    await press(await openedAddress(), 'deny');
    await press(await openedAddress(), 'allow');
    expect([await ended(), output]).toEqual([0, expect.stringMatching(/✓ User: \d+ rows/)]);
    expect(output).not.toContain(org.clientSecret);

    // Its port is the one that npm run connect used.
    child = start(['serve', '--local', '--no-tick', '--data', data()]);
    const url = `http://127.0.0.1:${port}`;
    await printed(/To start over/);
    expect(output).toContain('Local: Postgres, BigQuery.');
    expect(output).toContain('The org of npm run connect is connected.');
    expect(await (await fetch(`${url}/handle_importing_job?wait=50`)).text()).toMatch(/^OK/);
    expect(await (await fetch(`${url}/jobs`)).json()).toMatchObject({ jobs: [{ object_name: 'User', state: 'complete' }] });
  });

  test('connects by JWT bearer, without a browser', async () => {
    await startOrg({ jwtPublicKey: publicKey, preauthorized: true });
    await writeFile(join(folder, 'sync.key'), privateKey);
    await writeFile(join(folder, 'sync.crt'), publicKey);
    const files = [join(folder, 'sync.crt'), join(folder, 'sync.key')];
    const answers = [org.loginUrl, 'local', org.clientId, org.clientSecret, ...files, 'integration@sandbox.example.com', 'User', 'all'];
    connect(['--flow', 'jwt_bearer'], answers);
    expect([await ended(), output]).toEqual([0, expect.stringMatching(/✓ User: \d+ rows/)]);
    expect(output).toMatch(/Enable JWT Bearer Flow .*sync\.crt is not a readable RSA private key/s);
    expect(output).not.toContain('PRIVATE KEY');
  });

  test('connects by client credentials, and imports into a project whose datasets it creates', async () => {
    await startOrg();
    const bigquery = await startBigQuery({ project: 'acme' });
    try {
      const project = ['acme', 'EU', 'crm'];
      const answers = [org.loginUrl, ...project, 'n', ...project, 'y', org.clientId, org.clientSecret, 'User', 'all'];
      connect(['--flow', 'client_credentials'], answers, { BIGQUERY_API_ENDPOINT: bigquery.url });
      expect([await ended(), output]).toEqual([0, expect.stringMatching(/✓ User: \d+ rows/)]);
      expect(output).toMatch(/Enable Client Credentials Flow /);
      expect(output).toMatch(
        /Create crm and salesforce_staging in project acme, location EU\?.*✗ The datasets crm and salesforce_staging do/s,
      );
      expect(await settings()).toContain("GOOGLE_CLOUD_PROJECT='acme'\nBIGQUERY_LOCATION='EU'\nBIGQUERY_DATASETS='crm'\n");
      const [rows] = await clientOf(bigquery).query('SELECT COUNT(*) AS users FROM crm.User_live');
      expect(rows[0].users).toBeGreaterThan(0);
    } finally {
      await bigquery.close();
    }
  });

  test('takes a login of the Salesforce CLI for a trial', async () => {
    await startOrg();
    const asked = join(folder, 'asked');
    const authUrl = `force://PlatformCLI::${await refreshTokenOf(org)}@${new URL(org.loginUrl).host}`;
    const answer = JSON.stringify({ status: 0, result: { sfdxAuthUrl: authUrl }, warnings: [] });
    await addProgram('sf', `echo "$*" > ${asked}; echo '${answer}'`);
    connect(['--sf', 'my-org'], ['local', 'User', 'all']);
    expect([await ended(), output]).toEqual([0, expect.stringMatching(/✓ User: \d+ rows/)]);
    expect(await readFile(asked, 'utf8')).toBe('org auth show-sfdx-auth-url --target-org my-org --json\n');
    expect(output).toMatch(/This is a trial with the login of the Salesforce CLI: a deployed service refuses it\./);
    expect(await settings()).toContain("SALESFORCE_CLIENT_ID='PlatformCLI'");
    expect((await settings()) + output).not.toContain('5Aep861');
  });

  test.each<[string, string, RegExp]>([
    ['that is not installed', '', /^The Salesforce CLI is not installed/],
    ['that does not know the login', 'echo "{\\"status\\":1}"; exit 1', /^The Salesforce CLI knows no login my-org/],
    ['whose login has no refresh token', 'echo "{\\"status\\":0,\\"result\\":{}}"', /^The Salesforce CLI has no refresh token for my-org/],
  ])('refuses a Salesforce CLI %s in one sentence', async (_, script, sentence) => {
    await startOrg();
    if (script) await addProgram('sf', script);
    connect(['--sf', 'my-org'], []);
    expect([await ended(), output]).toEqual([2, expect.stringMatching(sentence)]);
  });

  test('keeps the whole answers, for their owner alone, wherever it is interrupted; an app never stays with another org', async () => {
    await startOrg();
    const answers = [org.loginUrl, 'local', org.clientId, org.clientSecret];
    const saved = [
      `SALESFORCE_LOGIN_URL='${org.loginUrl}'`,
      `SALESFORCE_CLIENT_ID='${org.clientId}'`,
      `SALESFORCE_CLIENT_SECRET='${org.clientSecret}'`,
    ];
    for (const [given, kept] of [
      [0, 0],
      [1, 1],
      [2, 1],
      [3, 1],
    ] as const) {
      connect([], answers.slice(0, given));
      child!.stdin!.end();
      expect([await ended(), output]).toEqual([2, expect.stringMatching(/The input ended before the last question\./)]);
      expect(settingsIn(await settings().catch(() => ''))).toEqual(saved.slice(0, kept));
      if (kept > 0) expect((await stat(join(data(), 'env'))).mode & 0o777).toBe(0o600);
    }
    connect([], answers);
    await printed(/Salesforce knows the app/);
    child!.kill('SIGINT');
    expect([await ended(), output]).toEqual([1, expect.stringMatching(/Stopped\. Run npm run connect again: it remembers the answers\./)]);
    expect(settingsIn(await settings())).toEqual(saved);

    const other = org.loginUrl.replace('127.0.0.1', 'localhost');
    connect([], [other]);
    child!.stdin!.end();
    expect(await ended()).toBe(2);
    expect(settingsIn(await settings())).toEqual([`SALESFORCE_LOGIN_URL='${other}'`]);
    connect([], ['', '', '', '']);
    child!.stdin!.end();
    expect(await ended()).toBe(2);
    expect(output).not.toContain(org.clientId);
    expect(settingsIn(await settings())).toEqual([`SALESFORCE_LOGIN_URL='${other}'`]);
  });

  test('says in a sentence what is wrong: the secret, the port, the folder, the end of the input', async () => {
    await startOrg();
    connect([], [org.loginUrl, 'local', org.clientId, 'wrong']);
    expect([await ended(), output]).toEqual([1, expect.stringMatching(/\nSalesforce refused SALESFORCE_CLIENT_SECRET\..*\n$/)]);

    connect([], [org.loginUrl]);
    child!.stdin!.end();
    expect([await ended(), output]).toEqual([2, expect.stringMatching(/The input ended before the last question\./)]);

    const taken = createServer().listen(port, '127.0.0.1');
    await once(taken, 'listening');
    connect([], []);
    expect([await ended(), output]).toEqual([2, `Port ${port} is already in use. Stop the process that uses it, for example npm start.\n`]);
    taken.close();

    await rm(join(data(), 'env'));
    connect([], []);
    expect([await ended(), output]).toEqual([
      2,
      expect.stringMatching(/contains the jobs of the emulated org of npm start\. Remove it with/),
    ]);
  });
});
