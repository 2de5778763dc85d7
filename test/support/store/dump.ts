import type pg from 'pg';
import { transaction } from '../../../app/store/database.ts';

/** The content of a job store at one moment, as pg_dump saves it: its tables and its sequences. */
export interface Dump {
  tables: { name: string; rows: string }[];
  sequences: { name: string; value: string | null }[];
}

/** Dumps a job store, which may be in use. */
export async function dumpStore(database: pg.Pool): Promise<Dump> {
  return await transaction(database, async (client) => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const tables: Dump['tables'] = [];
    for (const name of await tableNames(client)) {
      const { rows } = await client.query<{ rows: string }>(`SELECT coalesce(json_agg(t), '[]')::text AS rows FROM ${name} AS t`);
      tables.push({ name, rows: rows[0]!.rows });
    }
    const sequences = await client.query<{ name: string; value: string | null }>(
      `SELECT sequencename AS name, last_value::text AS value FROM pg_sequences WHERE schemaname = 'public'`,
    );
    return { tables, sequences: sequences.rows };
  });
}

/** Replaces the content of a migrated job store by a dump. */
export async function restoreStore(database: pg.Pool, { tables, sequences }: Dump): Promise<void> {
  await transaction(database, async (client) => {
    // Without triggers, and so without checks of foreign keys.
    await client.query('SET LOCAL session_replication_role = replica');
    await client.query(`TRUNCATE ${tables.map(({ name }) => name).join(', ')}`);
    for (const { name, rows } of tables) {
      await client.query(`INSERT INTO ${name} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::${name}, $1::json)`, [
        rows,
      ]);
    }
    for (const { name, value } of sequences) await client.query('SELECT setval($1, coalesce($2, 1), $2 IS NOT NULL)', [name, value]);
  });
}

async function tableNames(client: pg.PoolClient): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`,
  );
  return rows.map(({ name }) => name);
}
