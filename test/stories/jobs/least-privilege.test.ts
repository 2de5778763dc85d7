import { randomBytes } from 'node:crypto';
import { expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { migrateStore } from '../../../app/commands/migrate.ts';
import { openDatabase } from '../../../app/store/database.ts';
import { startService } from '../../support/service.ts';
import { createEmptyDatabase } from '../../support/store/database.ts';

/** The roles of a stack. They belong to the whole server, so each test has its own. */
interface Roles {
  master: string;
  owner: string;
  runtime: string;
}

/** As RDS leaves a new database: its owner may create roles and databases, and is no superuser. */
async function createMaster(url: string): Promise<Roles> {
  const suffix = randomBytes(4).toString('hex');
  const roles = { master: `master_${suffix}`, owner: `owner_${suffix}`, runtime: `runtime_${suffix}` };
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`CREATE ROLE ${roles.master} LOGIN CREATEROLE CREATEDB PASSWORD 'of the master'`);
  await admin.query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} OWNER TO ${roles.master}`);
  await admin.end();
  return roles;
}

const as = (url: string, user: string, password: string): string => Object.assign(new URL(url), { username: user, password }).href;

/** What the migration's container has, with and without the master. */
const migrationEnvironment = (url: string, { master, owner, runtime }: Roles, setUp: boolean): NodeJS.ProcessEnv => ({
  DATABASE_URL: as(url, owner, 'of-the-owner'),
  RUNTIME_USER: runtime,
  RUNTIME_PASSWORD: 'of-the-runtime',
  ...(setUp && { MASTER_USER: master, MASTER_PASSWORD: 'of the master' }),
});

async function migrate(env: NodeJS.ProcessEnv, tasks = 1): Promise<string> {
  const print = jest.spyOn(console, 'log').mockImplementation(() => {});
  try {
    const start = () => migrateStore({ args: [], options: {}, env, stop: new AbortController().signal });
    expect(await Promise.all(Array.from({ length: tasks }, start))).toEqual(Array.from({ length: tasks }, () => 0));
    return String(print.mock.calls.at(-1)?.[0]);
  } finally {
    print.mockRestore();
  }
}

test('set-up creates the roles once; later migrations need no master, and the service no right to change a table', async () => {
  const url = await createEmptyDatabase();
  const roles = await createMaster(url);
  await expect(migrate(migrationEnvironment(url, roles, false))).rejects.toThrow(/authentication failed|does not exist/);
  expect(await migrate(migrationEnvironment(url, roles, true))).toMatch(/^Applied 0001_job_store\.sql/);
  expect(await migrate(migrationEnvironment(url, roles, true))).toBe('The job store is up to date.');
  expect(await migrate(migrationEnvironment(url, roles, false))).toBe('The job store is up to date.');

  const runtime = openDatabase({ url: as(url, roles.runtime, 'of-the-runtime') }, () => {});
  for (const statement of [
    'CREATE TABLE mine (id int)',
    'ALTER TABLE jobs ADD COLUMN mine int',
    'DROP TABLE jobs',
    'TRUNCATE jobs CASCADE',
  ]) {
    await expect(runtime.query(statement)).rejects.toThrow(/permission denied|must be owner/);
  }
  await expect(runtime.query('DELETE FROM migrations')).rejects.toThrow('permission denied');
  await runtime.query('SELECT count(*) FROM migrations');
  const { rows } = await runtime.query<{ owner: string }>(`SELECT DISTINCT tableowner AS owner FROM pg_tables WHERE schemaname = 'public'`);
  expect(rows).toEqual([{ owner: roles.owner }]);
  await runtime.end();

  // The master created the roles, and can use neither.
  const master = openDatabase({ url: as(url, roles.master, 'of%20the%20master') }, () => {});
  await expect(master.query('SELECT count(*) FROM jobs')).rejects.toThrow('permission denied');
  await master.end();
});

test('tasks that start together set up and migrate one after the other, the first time and again', async () => {
  const url = await createEmptyDatabase();
  const roles = await createMaster(url);
  for (let time = 1; time <= 3; time++) await migrate(migrationEnvironment(url, roles, true), 3);
  await migrate(migrationEnvironment(url, roles, false), 3);
});

test('the service imports, repairs and deletes with the run-time role, in a job store that a release without roles had created', async () => {
  await using service = await startService({
    env: { MIGRATIONS: 'check' },
    async beforeStore(url) {
      const roles = await createMaster(url);
      const admin = new pg.Client({ connectionString: url });
      await admin.connect();
      // All that the earlier release created belongs to its role, the master.
      const { rows } = await admin.query<{ statement: string }>(
        `SELECT format('ALTER TABLE public.%I OWNER TO ${roles.master}', tablename) AS statement FROM pg_tables WHERE schemaname = 'public'`,
      );
      for (const { statement } of rows) await admin.query(statement);
      await admin.query(`ALTER SCHEMA public OWNER TO pg_database_owner`);
      await admin.end();
      await migrate(migrationEnvironment(url, roles, true));
      return as(url, roles.runtime, 'of-the-runtime');
    },
  });
  const user = await service.connect();
  await service.call('create_importing_job', { user_id: user, object_name: 'Account', start_date: '2023-03-01' });
  expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK/);
  expect((await service.repair('reimport')).state).toBe('succeeded');
  const [job] = await service.jobs();
  const response = await fetch(`${service.url}/v1/jobs/${job!.id}?table=keep`, { method: 'DELETE' });
  expect(response.status).toBe(200);
  expect(await service.jobs()).toEqual([]);
});
