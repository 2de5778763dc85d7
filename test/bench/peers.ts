import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { decide, REDIRECT_URI } from '../support/service.ts';
import { WholeService } from './whole-service.ts';

/** What a first import of the object took. */
export interface PeerFigures {
  name: string;
  rows: number;
  cpuSeconds: number;
  seconds: number;
  calls: number;
}

const OBJECT = 'Opportunity';

/** Both connectors stop when any object of the org has a field of type DataCategoryGroupReference. */
const HIDDEN = { object: 'Everything__c', field: 'Category__c', change: 'hide' };

const ROWS = 56_000;

/** The day before the org's life starts: its rows do not change meanwhile. */
const NOW = '2023-02-28T12:00:00Z';
const IMPORTED_UNTIL = '2023-03-01';

/** Virtual environments, catalogs and output of the connectors; git ignores it. */
const FOLDER = resolve('.local/peers');
const SCRIPTS = fileURLToPath(new URL('peers', import.meta.url));

const AIRBYTE = { package: 'airbyte-source-salesforce', version: '2.10.3', command: 'source-salesforce' };
const SINGER = { package: 'tap-salesforce', version: '2.8.1', command: 'tap-salesforce' };

type Connector = typeof AIRBYTE;

const run = promisify(execFile);

/**
 * Imports one object with this service, Airbyte's source and Singer's tap, one after the other, from the same emulated org. The service
 * does the whole way to a merged BigQuery table; the connectors do the source half only, and write JSON lines to a file.
 * @throws if python3 is missing, or if a connector does not return every row
 */
export async function comparePeers(): Promise<PeerFigures[]> {
  await using service = await WholeService.start({ now: NOW, size: 100, rows: { [OBJECT]: ROWS } });
  await service.changeOrg('POST', 'fields', HIDDEN);
  await mkdir(FOLDER, { recursive: true });
  return [await importWithService(service), await readWithAirbyte(service), await readWithSinger(service)];
}

async function importWithService(service: WholeService): Promise<PeerFigures> {
  await service.createJob(OBJECT, 'all');
  const [before, calls, started] = [await service.usage(), await service.salesforceCalls(), performance.now()];
  const job = await service.importUntil(IMPORTED_UNTIL);
  const seconds = (performance.now() - started) / 1000;
  return {
    name: 'this service (Salesforce to merged BigQuery table)',
    rows: await service.countRows(job.table),
    cpuSeconds: (await service.usage()).cpuSeconds - before.cpuSeconds,
    seconds,
    calls: (await service.salesforceCalls()) - calls,
  };
}

async function readWithAirbyte(service: WholeService): Promise<PeerFigures> {
  const config = await writeJson('airbyte-config.json', await configFor(service));
  const discovered = await readLines(await capture(service, AIRBYTE, 'airbyte-discovered.jsonl', ['discover', '--config', config]));
  const { streams } = discovered.find(({ type }) => type === 'CATALOG')!.catalog as { streams: { name: string }[] };
  const stream = streams.find(({ name }) => name === OBJECT);
  const configured = { streams: [{ stream, sync_mode: 'full_refresh', destination_sync_mode: 'append' }] };
  const catalog = await writeJson('airbyte-catalog.json', configured);
  return await measure(service, AIRBYTE, ['read', '--config', config, '--catalog', catalog]);
}

async function readWithSinger(service: WholeService): Promise<PeerFigures> {
  const config = await writeJson('singer-config.json', {
    ...(await configFor(service)),
    api_type: 'REST',
    select_fields_by_default: 'true',
  });
  const discovered = await capture(service, SINGER, 'singer-discovered.json', ['--config', config, '--discover']);
  const { streams } = JSON.parse(await readFile(discovered, 'utf8')) as { streams: SingerStream[] };
  const stream = streams.find(({ stream: name }) => name === OBJECT)!;
  for (const { breadcrumb, metadata } of stream.metadata) if (breadcrumb.length === 0) metadata.selected = true;
  const catalog = await writeJson('singer-catalog.json', { streams: [stream] });
  return await measure(service, SINGER, ['--config', config, '--properties', catalog]);
}

interface SingerStream {
  stream: string;
  metadata: { breadcrumb: string[]; metadata: Record<string, unknown> }[];
}

/** Both connectors use these names. Each gets a grant of its own. */
async function configFor(service: WholeService): Promise<Record<string, string>> {
  const { SALESFORCE_LOGIN_URL: loginUrl, SALESFORCE_CLIENT_ID: id, SALESFORCE_CLIENT_SECRET: secret } = service.environment;
  const verifier = randomBytes(32).toString('base64url');
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const authorize = {
    response_type: 'code',
    client_id: id!,
    redirect_uri: REDIRECT_URI,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  };
  const redirect = await decide(`${loginUrl}/services/oauth2/authorize?${new URLSearchParams(authorize)}`, 'allow');
  const response = await fetch(`${loginUrl}/services/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: redirect.searchParams.get('code')!,
      client_id: id!,
      client_secret: secret!,
      redirect_uri: REDIRECT_URI,
      code_verifier: verifier,
    }),
  });
  const { refresh_token: refreshToken } = (await response.json()) as { refresh_token: string };
  return { client_id: id!, client_secret: secret!, refresh_token: refreshToken, start_date: '2000-01-01T00:00:00Z' };
}

async function measure(service: WholeService, connector: Connector, args: string[]): Promise<PeerFigures> {
  const output = join(FOLDER, `${connector.command}-output.jsonl`);
  const calls = await service.salesforceCalls();
  const used = await execute(service, connector, output, args);
  const rows = await countRecords(output);
  // Unlike this service's window, theirs includes what was created today.
  if (rows !== (await service.orgRows(OBJECT, '9999'))) throw new Error(`${connector.command} returned ${rows} rows of ${OBJECT}.`);
  const name = `${connector.command} ${connector.version} (source half only)`;
  return { name, rows, ...used, calls: (await service.salesforceCalls()) - calls };
}

/** @returns the path of the connector's output */
async function capture(service: WholeService, connector: Connector, file: string, args: string[]): Promise<string> {
  const output = join(FOLDER, file);
  await execute(service, connector, output, args);
  return output;
}

async function execute(
  service: WholeService,
  connector: Connector,
  output: string,
  args: string[],
): Promise<{ seconds: number; cpuSeconds: number }> {
  const bin = await install(connector);
  const env = {
    PATH: process.env.PATH,
    HOME: FOLDER,
    PYTHONPATH: SCRIPTS,
    PYTHONDONTWRITEBYTECODE: '1',
    EMULATOR_LOGIN_URL: service.environment.SALESFORCE_LOGIN_URL,
  };
  try {
    const command = [join(SCRIPTS, 'run.py'), output, join(bin, connector.command), ...args];
    const { stdout } = await run(join(bin, 'python'), command, { cwd: FOLDER, env, maxBuffer: 2 ** 28 });
    return JSON.parse(stdout) as { seconds: number; cpuSeconds: number };
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(`${connector.command} failed. Its output is in ${output}. ${stderr?.trim().slice(-2000) ?? String(error)}`);
  }
}

/** Installs a connector from PyPI into a virtual environment of its own, once. @returns the path of its programs */
async function install({ package: name, version, command }: Connector): Promise<string> {
  const home = join(FOLDER, `${name}-${version}`);
  const bin = join(home, 'bin');
  const isInstalled = await access(join(bin, command)).then(
    () => true,
    () => false,
  );
  if (isInstalled) return bin;
  console.error(`installing ${name} ${version} …`);
  await run('python3', ['-m', 'venv', home]);
  await run(join(bin, 'pip'), ['install', '--quiet', `${name}==${version}`], { maxBuffer: 2 ** 28 });
  return bin;
}

async function countRecords(output: string): Promise<number> {
  let records = 0;
  for await (const line of createInterface({ input: createReadStream(output) })) if (/^\{"type": ?"RECORD"/.test(line)) records++;
  return records;
}

async function readLines(path: string): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function writeJson(file: string, value: unknown): Promise<string> {
  const path = join(FOLDER, file);
  await writeFile(path, JSON.stringify(value), { mode: 0o600 });
  return path;
}

/** As a table for a terminal. */
export function peersTable(peers: readonly PeerFigures[]): string {
  const cells = [
    ['', 'rows', 'CPU s', 'wall s', 'API calls', 'CPU ratio'],
    ...peers.map(({ name, rows, cpuSeconds, seconds, calls }) => [
      name,
      String(rows),
      cpuSeconds.toFixed(2),
      seconds.toFixed(1),
      String(calls),
      (cpuSeconds / peers[0]!.cpuSeconds).toFixed(0),
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '))
    .join('\n');
}
