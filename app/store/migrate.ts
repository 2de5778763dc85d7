import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type pg from 'pg';
import { onlyRow, type Queryable, transaction } from './database.ts';

const FOLDER = new URL('./migrations/', import.meta.url);

/** A migration may take long, or wait for another process's: longer than the pool allows a statement. In milliseconds. */
const MIGRATION_MS = 60 * 60 * 1000;

const unhurried = (text: string, values?: unknown[]): pg.QueryConfig => ({ text, values, query_timeout: MIGRATION_MS }) as pg.QueryConfig;

/** A migration that waits for the lock of a table blocks all later statements on it, so it does not wait long. In milliseconds. */
const TABLE_LOCK_MS = 10_000;

/** Any number that no other advisory lock of ours uses. */
const MIGRATION_LOCK = 0x5f_b9_01;

/**
 * Waits until no other process changes the schema or its roles, and keeps others from it until the transaction ends: processes that start
 * together do so one after the other.
 */
export async function lockSchema(client: Queryable): Promise<void> {
  await client.query(unhurried('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]));
}

/**
 * Migrates the job store to this release's schema: runs each pending migrations/NNNN_name.sql in order, in one transaction.
 * @param folder with the migrations; by default this release's
 * @param tableLockMs how long a migration may wait for the lock of a table
 * @returns the names of the migrations that it ran
 * @throws Error if a migration has changed since it ran
 */
export async function migrate(database: pg.Pool, folder = FOLDER, tableLockMs = TABLE_LOCK_MS): Promise<string[]> {
  const files = await readMigrations(folder);
  return await transaction(database, async (client) => {
    await lockSchema(client);
    // Only now: another process's migration may take longer.
    await client.query(`SET LOCAL lock_timeout = ${tableLockMs}`);
    await client.query(
      'CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, sha256 text NOT NULL, ran_at timestamptz NOT NULL DEFAULT now())',
    );
    const { rows } = await client.query<{ name: string; sha256: string }>('SELECT name, sha256 FROM migrations');
    const ran = new Map(rows.map((row) => [row.name, row.sha256]));
    checkHistory(files, ran);
    const missing = files.filter((file) => !ran.has(file.name));
    for (const file of missing) {
      await client.query(unhurried(file.sql));
      await client.query('INSERT INTO migrations (name, sha256) VALUES ($1, $2)', [file.name, file.sha256]);
    }
    return missing.map((file) => file.name);
  });
}

/** The pending migrations of this release. */
export async function missingMigrations(database: pg.Pool): Promise<string[]> {
  const { rows } = await database.query<{ name: string }>(`SELECT name FROM migrations`);
  const ran = new Set(rows.map((row) => row.name));
  return (await readMigrations(FOLDER)).map((file) => file.name).filter((name) => !ran.has(name));
}

/** Waits until Postgres responds, because a database and its service often start together. @throws the last error after `tries` tries */
export async function waitForDatabase(database: pg.Pool, tries = 10, pauseMs = 1_000): Promise<void> {
  for (let left = tries; ; left--) {
    try {
      onlyRow(await database.query('SELECT 1'));
      return;
    } catch (error) {
      if (left <= 1) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

async function readMigrations(folder: URL): Promise<{ name: string; sql: string; sha256: string }[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return await Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8');
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

function checkHistory(files: { name: string; sha256: string }[], ran: Map<string, string>): void {
  for (const { name, sha256 } of files) {
    if (ran.has(name) && ran.get(name) !== sha256) {
      throw new Error(`Migration ${name} has changed since it ran on this job store. Restore it and write a new migration.`);
    }
  }
  // Migrations of a newer release are fine: releases overlap during a deploy, and each expands the schema first and contracts it later.
}
