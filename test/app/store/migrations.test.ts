import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { openDatabase } from '../../../app/store/database.ts';
import { migrate } from '../../../app/store/migrate.ts';
import { createEmptyDatabase, dropDatabase } from '../../support/store/database.ts';
import { type DatabaseSchema, readSchema } from '../../support/store/schema.ts';
import { notAdditive } from './additive.ts';

const FOLDER = 'app/store/migrations';
const FILES = readdirSync(FOLDER).sort();

describe('each migration only adds what the previous release can work with:', () => {
  test.each(FILES)('%s', (file) => {
    expect(notAdditive(readFileSync(join(FOLDER, file), 'utf8'))).toEqual([]);
  });

  test.each([
    ['a dropped table', 'DROP TABLE pages;'],
    ['a dropped column', 'ALTER TABLE runs ADD COLUMN b text, DROP COLUMN receipt;'],
    ['a renamed column', 'ALTER TABLE runs RENAME COLUMN receipt TO proof;'],
    ['a changed type', 'ALTER TABLE runs ALTER COLUMN attempt TYPE bigint;'],
    ['a column that becomes required', 'ALTER TABLE runs ALTER COLUMN receipt SET NOT NULL;'],
    ['a new required column', 'ALTER TABLE runs\n  ADD COLUMN a text,\n  ADD COLUMN b text NOT NULL; -- DEFAULT'],
    ['a new unique column', 'ALTER TABLE runs ADD COLUMN b text UNIQUE;'],
    ['a constraint on existing columns', 'ALTER TABLE runs ADD CHECK (attempt < 100);'],
    ['a dropped constraint', 'ALTER TABLE jobs DROP CONSTRAINT jobs_every_check;'],
    ['a constraint added without the one it replaces', "ALTER TABLE jobs ADD CONSTRAINT jobs_every_check CHECK (every IN ('day'));"],
    ['an index that rejects rows', 'CREATE UNIQUE INDEX one ON runs (job_id);'],
    ['a dropped index', 'DROP INDEX runs_by_job;'],
    ['changed rows', 'DELETE FROM runs;'],
  ])('%s is rejected', (_, sql) => {
    expect(notAdditive(sql)).toHaveLength(1);
  });

  test.each([
    ['under another name', "DROP CONSTRAINT jobs_every_check, ADD CONSTRAINT other CHECK (every IN ('day'))"],
    ['by another condition', "DROP CONSTRAINT jobs_every_check, ADD CONSTRAINT jobs_every_check CHECK (every <> 'day')"],
    [
      'by more than a list of values',
      "DROP CONSTRAINT jobs_every_check, ADD CONSTRAINT jobs_every_check CHECK (every IN ('day') AND active)",
    ],
  ])('a CHECK replaced %s is rejected', (_, parts) => {
    expect(notAdditive(`ALTER TABLE jobs ${parts};`)).toHaveLength(2);
  });

  test('a CHECK may get another list of values', () => {
    const sql = "ALTER TABLE jobs DROP CONSTRAINT jobs_every_check, ADD CONSTRAINT jobs_every_check CHECK (every IN ('15m', 'day'));";
    expect(notAdditive(sql)).toEqual([]);
  });

  test('a unique index may replace another', () => {
    expect(notAdditive('CREATE UNIQUE INDEX two ON runs (job_id, kind); DROP INDEX one;')).toEqual([]);
  });

  test('a unique index may cover a column that the same migration adds without a value', () => {
    const sql = 'ALTER TABLE runs ADD COLUMN a text, ADD COLUMN b text DEFAULT 1;';
    expect(notAdditive(`${sql} CREATE UNIQUE INDEX one ON runs (a);`)).toEqual([]);
    expect(notAdditive(`${sql} CREATE UNIQUE INDEX one ON runs (b);`)).toHaveLength(1);
    expect(notAdditive(`${sql} CREATE UNIQUE INDEX one ON jobs (a);`)).toHaveLength(1);
  });

  test('a table that the same migration creates may be changed freely', () => {
    const sql = 'CREATE TABLE mine (a text NOT NULL); CREATE UNIQUE INDEX one ON mine (a); ALTER TABLE mine ADD CHECK (a > b);';
    expect(notAdditive(sql)).toEqual([]);
  });
});

/** The schema of a database migrated by these releases in turn, one migration per release; the first release also writes some rows. */
async function migrateBy(...releases: number[]): Promise<DatabaseSchema> {
  const url = await createEmptyDatabase();
  const pool = openDatabase({ url }, () => {});
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
    await dropDatabase(url);
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
    INSERT INTO pages (run_id, slice, generation, number) SELECT id, 0, 1, 0 FROM runs;
    INSERT INTO billed (statement, run_id, bytes) SELECT 'a job id', id, 1 FROM runs;
    INSERT INTO org_calls (org_id, hour, calls) SELECT org_id, now(), 1 FROM connections;
    INSERT INTO authorizations (state, redirect_uri, login_url, code_verifier, expires_at) VALUES ('', '', '', '', now())`);
}

/** Whether two constraints differ only in that `later` lists more values, in a CHECK on a column's values, or not at all. */
function allowsAsMuch(later: string, earlier: string): boolean {
  const list = /= (?:ANY \(ARRAY\[[^\]]*\]\)|'[^']*'::text)/;
  const values = (constraint: string): string[] => list.exec(constraint)?.[0].match(/'[^']*'/g) ?? [];
  const [allowed, rest] = [values(later), (constraint: string): string => constraint.replace(list, '')];
  return rest(later) === rest(earlier) && values(earlier).every((value) => allowed.includes(value));
}

test('a CHECK that lists fewer values than before is noticed', () => {
  const checkOn = (condition: string): string => `jobs jobs_every_check CHECK ((every ${condition}))`;
  const [one, two] = [checkOn("= 'day'::text"), checkOn("= ANY (ARRAY['15m'::text, 'day'::text])")];
  expect([allowsAsMuch(two, one), allowsAsMuch(one, one), allowsAsMuch(one, two)]).toEqual([true, true, false]);
  expect(allowsAsMuch(two.replace('jobs_every', 'jobs_other'), one)).toBe(false);
});

/** Whether two indexes are the same, or unique ones of which `later` has more columns: it rejects no row that `earlier` accepts. */
function rejectsNoMore(later: string, earlier: string): boolean {
  const unique = /^CREATE UNIQUE INDEX \w+ ON (\S+) USING btree \((.*)\) WHERE (.*)$/;
  const [one, other] = [unique.exec(earlier), unique.exec(later)];
  return later === earlier || (!!one && !!other && one[1] === other[1] && one[3] === other[3] && other[2]!.startsWith(`${one[2]}, `));
}

test('a unique index over fewer columns than before is noticed', () => {
  const indexOn = (columns: string): string => `CREATE UNIQUE INDEX one ON public.runs USING btree (${columns}) WHERE open`;
  const [one, two] = [indexOn('job_id'), indexOn('job_id, kind')];
  expect([rejectsNoMore(two, one), rejectsNoMore(one, one), rejectsNoMore(one, two)]).toEqual([true, true, false]);
});

const LAST = FILES.length;

describe('a job store', () => {
  let atOnce: DatabaseSchema;
  beforeAll(async () => {
    atOnce = await migrateBy(LAST);
  });

  test('that every release has migrated, with rows in it, has the same schema as a new one', async () => {
    expect(await migrateBy(...FILES.keys().map((index) => index + 1))).toEqual(atOnce);
  });

  // A loop, because test.each rejects an empty list, and the first release has no earlier one.
  for (const [index, file] of FILES.slice(0, -1).entries()) {
    test(`of ${file} still works for its own release after this release has migrated it`, async () => {
      const release = index + 1;
      const [before, after] = [await migrateBy(release), await migrateBy(release, LAST)];
      expect(after).toEqual(atOnce);
      // Everything that it had is unchanged, except that a CHECK may list more values and a unique index may have more columns.
      expect(after.columns).toEqual(expect.arrayContaining(before.columns));
      expect(before.constraints.filter((constraint) => !after.constraints.some((other) => allowsAsMuch(other, constraint)))).toEqual([]);
      expect(before.indexes.filter((index) => !after.indexes.some((other) => rejectsNoMore(other, index)))).toEqual([]);
      // Its rows may omit the columns that it does not know.
      const tables = new Set(before.columns.map(({ table }) => table));
      const known = new Set(before.columns.map(({ table, name }) => `${table}.${name}`));
      const unknown = after.columns.filter(({ table, name }) => tables.has(table) && !known.has(`${table}.${name}`));
      expect(unknown.filter(({ nullable, otherwise }) => !nullable && otherwise === null)).toEqual([]);
    });
  }
});
