import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { type LocalPostgres, startPostgres } from '../../../../app/local/emulators/postgres.ts';

const PROGRAM = new URL('../../../../app/local/emulators/postgres.ts', import.meta.url).href;

let folder: string;
let running: LocalPostgres[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'local-postgres-test-'));
  running = [];
  if (process.getuid?.() === 0) await openFolder(folder);
});

afterEach(async () => {
  await Promise.all(running.map((server) => server.close()));
  await rm(folder, { recursive: true, force: true });
});

const openFolder = async (path: string) => (await import('node:fs/promises')).chmod(path, 0o755);

async function start(dataFolder = join(folder, 'postgres')): Promise<LocalPostgres> {
  const server = await startPostgres({ dataFolder });
  running.push(server);
  return server;
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Starts a server in another process, which ends by `end`. @returns the URL and the process id of the server */
async function startElsewhere(dataFolder: string, end: 'kill' | 'exit'): Promise<{ url: string; pid: number }> {
  const source = `
    const { startPostgres } = await import(${JSON.stringify(PROGRAM)});
    const { readFileSync } = await import('node:fs');
    const server = await startPostgres({ dataFolder: ${JSON.stringify(dataFolder)} });
    const pid = Number(readFileSync(server.dataFolder + '/cluster/postmaster.pid', 'utf8').split('\\n')[0]);
    process.stdout.write(JSON.stringify({ url: server.url, pid }) + '\\n', () => ${end === 'exit' ? 'process.exit(0)' : 'undefined'});
  `;
  const program = spawn(process.execPath, ['--input-type=module', '--eval', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(program.stdout, 'data')) as [Buffer];
  const exited = once(program, 'exit');
  if (end === 'kill') program.kill('SIGKILL');
  await exited;
  return JSON.parse(line.toString());
}

describe('the local Postgres', () => {
  test('listens on loopback with a password, as version 17 in UTC', async () => {
    const { url } = await start();
    expect(new URL(url).hostname).toBe('127.0.0.1');
    expect(await query(url, `SELECT current_setting('server_version') AS version, current_setting('TimeZone') AS zone`)).toEqual([
      { version: expect.stringMatching(/^17\./), zone: 'UTC' },
    ]);
    const wrong = new URL(url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  test('keeps its rows and its password when it is started again on the same folder', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept (name text); INSERT INTO kept VALUES ($$Grüße$$)');
    await first.close();
    const second = await start();
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
    expect(await query(second.url, 'SELECT name FROM kept')).toEqual([{ name: 'Grüße' }]);
  });

  test('stores the password readable by its owner only', async () => {
    const { dataFolder } = await start();
    expect((await stat(join(dataFolder, 'password'))).mode & 0o777).toBe(0o600);
  });

  test('close waits until the server has stopped', async () => {
    const { url, close } = await start();
    await close();
    await expect(query(url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await close();
  });

  test('takes over the folder of a server whose parent was killed', async () => {
    const dataFolder = join(folder, 'postgres');
    const orphan = await startElsewhere(dataFolder, 'kill');
    await query(orphan.url, 'CREATE TABLE kept AS SELECT 1 AS number');
    const { url } = await start(dataFolder);
    expect(() => process.kill(orphan.pid, 0)).toThrow('ESRCH');
    expect(await query(url, 'SELECT number FROM kept')).toEqual([{ number: 1 }]);
  });

  test('starts even if the pid file names another process', async () => {
    const first = await start();
    await first.close();
    await writeFile(join(first.dataFolder, 'cluster', 'postmaster.pid'), `${process.pid}\n`);
    expect(await query((await start()).url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('stops with the process that started it', async () => {
    const { url } = await startElsewhere(join(folder, 'postgres'), 'exit');
    let refused = false;
    while (!refused) {
      refused = await query(url, 'SELECT 1').then(
        () => false,
        () => true,
      );
    }
    expect(refused).toBe(true);
  });

  test('supports notifications and advisory locks across clients', async () => {
    const { url } = await start();
    const [one, two] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })];
    await Promise.all([one.connect(), two.connect()]);
    await one.query('LISTEN news');
    await one.query('SELECT pg_advisory_lock(1)');
    const notified = once(one, 'notification');
    await two.query(`NOTIFY news, 'hello'`);
    expect(await notified).toEqual([expect.objectContaining({ payload: 'hello' })]);
    expect((await two.query('SELECT pg_try_advisory_lock(1) AS got')).rows).toEqual([{ got: false }]);
    await Promise.all([one.end(), two.end()]);
  });

  const asRoot = process.getuid?.() === 0 ? test : test.skip;

  asRoot('does not run as root, and moves its data to a readable folder', async () => {
    const closed = join(folder, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const server = await start(join(closed, 'postgres'));
    expect(server.dataFolder.startsWith(closed)).toBe(false);
    expect((await stat(join(server.dataFolder, 'cluster'))).uid).toBe(65534);
    const pid = (await readFile(join(server.dataFolder, 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0];
    expect((await stat(`/proc/${pid}`)).uid).toBe(65534);
    await server.close();
    const again = await start(join(closed, 'postgres'));
    expect(again.dataFolder).toBe(server.dataFolder);
    await query(again.url, 'CREATE TABLE kept (name text)');
    await again.close();
    expect(await query((await start(join(closed, 'postgres'))).url, 'SELECT name FROM kept')).toEqual([]);

    // The server still runs.
    await rm(join(closed, 'postgres'), { recursive: true });
    const reset = await start(join(closed, 'postgres'));
    await expect(query(reset.url, 'SELECT name FROM kept')).rejects.toMatchObject({ code: '42P01' });
    await reset.close();
    await rm(reset.dataFolder, { recursive: true });
  });

  const fallbackFolder = (dataFolder: string) =>
    join(tmpdir(), `local-postgres-${createHash('sha256').update(dataFolder).digest('hex').slice(0, 16)}`);

  asRoot.each([
    ['a link to a folder owned by root', (path: string, foreign: string) => symlink(foreign, path)],
    ['a folder owned by root', (path: string, foreign: string) => rename(foreign, path)],
    [
      'a folder owned by the account, with other files,',
      (path: string, foreign: string) => rename(foreign, path).then(() => chown(path, 65534, 65534)),
    ],
  ])('leaves %s alone, even if it has the name of its own folder', async (_what, prepare) => {
    const closed = join(folder, 'closed');
    const foreign = join(folder, 'foreign');
    await mkdir(closed, { mode: 0o700 });
    await mkdir(foreign);
    await writeFile(join(foreign, 'kept'), 'x');
    const path = fallbackFolder(join(closed, 'postgres'));
    try {
      await prepare(path, foreign);
      const { uid } = await stat(path);
      await expect(start(join(closed, 'postgres'))).rejects.toThrow(path);
      expect(await stat(path)).toMatchObject({ uid });
      expect(await readdir(path)).toEqual(['kept']);
    } finally {
      await rm(path, { recursive: true, force: true });
    }
  });
});
