import type pg from 'pg';

/** A database's schema: every column, and every constraint and index as one line of text. */
export interface DatabaseSchema {
  columns: Column[];
  constraints: string[];
  indexes: string[];
}

export interface Column {
  table: string;
  name: string;
  place: number;
  type: string;
  nullable: boolean;
  /** its default expression or kind of identity; null if it has neither */
  otherwise: string | null;
}

export async function readSchema(pool: pg.Pool): Promise<DatabaseSchema> {
  const columns = await pool.query<Column>(
    `SELECT relname AS table, attname AS name, attnum AS place, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS nullable,
       coalesce(pg_get_expr(adbin, adrelid), nullif(attidentity::text, '')) AS otherwise
     FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped ORDER BY relname, attnum`,
  );
  const constraints = await pool.query<{ text: string }>(
    `SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) AS text FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace ORDER BY 1`,
  );
  const indexes = await pool.query<{ text: string }>(`SELECT indexdef AS text FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`);
  return { columns: columns.rows, constraints: constraints.rows.map(({ text }) => text), indexes: indexes.rows.map(({ text }) => text) };
}
