import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { openDatabase } from '../../../app/store/database.ts';
import { migrate } from '../../../app/store/migrate.ts';
import { createEmptyDatabase } from '../../support/database.ts';
import { type DatabaseSchema, readSchema } from '../../support/schema.ts';
import { notAdditive } from './additive.ts';

const FOLDER = 'app/store/migrations';
const FILES = readdirSync(FOLDER).sort();

describe('each migration only adds what the release before it can live with:', () => {
  test.each(FILES)('%s', (file) => {
    expect(notAdditive(readFileSync(join(FOLDER, file), 'utf8'))).toEqual([]);
  });

  test.each([
    ['a table that goes', 'DROP TABLE pages;'],
    ['a column that goes', 'ALTER TABLE runs ADD COLUMN b text, DROP COLUMN receipt;'],
    ['another name', 'ALTER TABLE runs RENAME COLUMN receipt TO proof;'],
    ['another type', 'ALTER TABLE runs ALTER COLUMN attempt TYPE bigint;'],
    ['a value that becomes needed', 'ALTER TABLE runs ALTER COLUMN receipt SET NOT NULL;'],
    ['a column that each new row needs', 'ALTER TABLE runs\n  ADD COLUMN a text,\n  ADD COLUMN b text NOT NULL; -- DEFAULT'],
    ['a column whose values must differ', 'ALTER TABLE runs ADD COLUMN b text UNIQUE;'],
    ['a condition on what is there', 'ALTER TABLE runs ADD CHECK (attempt < 100);'],
    ['an index that refuses rows', 'CREATE UNIQUE INDEX one ON runs (job_id);'],
    ['other rows than there were', 'DELETE FROM runs;'],
  ])('%s is refused', (_, sql) => {
    expect(notAdditive(sql)).toHaveLength(1);
  });

  test('what it does to a table of its own is its own affair', () => {
    const sql = 'CREATE TABLE mine (a text NOT NULL); CREATE UNIQUE INDEX one ON mine (a); ALTER TABLE mine ADD CHECK (a > b);';
    expect(notAdditive(sql)).toEqual([]);
  });
});

/** A database that was migrated by the first releases, a release a migration, and has some rows since; then by this one. */
async function migrateBy(...releases: number[]): Promise<DatabaseSchema> {
  const pool = openDatabase({ url: await createEmptyDatabase() }, () => {});
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
  try {
    for (const release of releases) {
      for (const file of FILES.slice(0, release)) await cp(join(FOLDER, file), join(folder, file));
      await migrate(pool, pathToFileURL(`${folder}/`));
      if (release === 1) await addRows(pool);
    }
    return await readSchema(pool);
  } finally {
    await rm(folder, { recursive: true });
    await pool.end();
  }
}

/** A row in every table, as the first release writes it. */
async function addRows(pool: { query(sql: string): Promise<unknown> }): Promise<void> {
  await pool.query(`
    INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token)
      VALUES ('00D000000000000EAA', '005000000000000AAA', '', '', '', '', '');
    INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to)
      SELECT id, 'Account', 'SystemModstamp', 'salesforce', 'Account', '2023-03-01', '2023-03-01', '2023-03-02' FROM connections;
    INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, run_at)
      SELECT id, connection_id, 'window', synced_to, wanted_to, now() FROM jobs;
    INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open) SELECT id, 0, window_from, window_to, true FROM runs;
    INSERT INTO pages (run_id, slice, generation, number) SELECT id, 0, 1, 0 FROM runs`);
}

const LAST = FILES.length;
const EARLIER = FILES.slice(0, -1).map((file, index) => [file, index + 1] as const);

describe('a job store', () => {
  let atOnce: DatabaseSchema;
  beforeAll(async () => {
    atOnce = await migrateBy(LAST);
  });

  test('that every release has migrated, with rows in it, is the same as one that was made by this release', async () => {
    expect(await migrateBy(...FILES.keys().map((index) => index + 1))).toEqual(atOnce);
  });

  test.each(EARLIER)('of %s can be worked on by its own release after this one has migrated it', async (_, release) => {
    const [before, after] = [await migrateBy(release), await migrateBy(release, LAST)];
    expect(after).toEqual(atOnce);
    // All that it had is there, as it was.
    expect(after.columns).toEqual(expect.arrayContaining(before.columns));
    expect(after.constraints).toEqual(expect.arrayContaining(before.constraints));
    expect(after.indexes).toEqual(expect.arrayContaining(before.indexes));
    // What it does not know, its rows may come without.
    const tables = new Set(before.columns.map(({ table }) => table));
    const known = new Set(before.columns.map(({ table, name }) => `${table}.${name}`));
    const unknown = after.columns.filter(({ table, name }) => tables.has(table) && !known.has(`${table}.${name}`));
    expect(unknown.filter(({ nullable, otherwise }) => !nullable && otherwise === null)).toEqual([]);
  });
});
