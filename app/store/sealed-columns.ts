import { insertChange } from './audit.ts';
import { onlyRow, type PoolOrClient, type Queryable, transaction } from './database.ts';
import type { Sealer } from './seal.ts';

/** A column whose texts are sealed. */
interface SealedColumn {
  table: string;
  column: string;
  /** the table's primary key */
  key: string;
  /** the context in which a row's text is sealed, in SQL */
  context: string;
  /** the rows whose text is still of use, in SQL */
  where: string;
}

/** Every sealed column. Migrations mark theirs with "sealed"; an empty text is not sealed. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  { table: 'connections', column: 'access_token', key: 'id', context: `org_id || '/' || user_id || '/access_token'`, where: 'true' },
  { table: 'connections', column: 'refresh_token', key: 'id', context: `org_id || '/' || user_id || '/refresh_token'`, where: 'true' },
  { table: 'authorizations', column: 'code_verifier', key: 'state', context: 'state', where: 'expires_at > now()' },
];

/** Selects a column's sealed texts, each with the id of the key that sealed it, which is its second part. */
const sealedTexts = ({ table, column, key, context, where }: SealedColumn): string =>
  `SELECT '${table}' AS table_name, ${key}::text AS row_key, ${context} AS context, ${column} AS sealed, split_part(${column}, '.', 2) AS key_id
   FROM ${table} WHERE ${column} <> '' AND ${where}`;

/** How many rows contain text that the first key did not seal. */
export interface OldRows {
  /** rows that another of the keys can open: to be sealed again */
  outdated: number;
  /** rows with a text that none of the keys can open */
  unreadable: number;
}

/** Counts the rows that the first key alone cannot open. */
export async function countOldRows(database: Queryable, { keyIds }: Sealer): Promise<OldRows> {
  const result = await database.query<OldRows>(
    `SELECT count(*) FILTER (WHERE readable) AS outdated, count(*) FILTER (WHERE NOT readable) AS unreadable FROM (
       SELECT bool_and(key_id = ANY($1)) AS readable FROM (${SEALED_COLUMNS.map(sealedTexts).join(' UNION ALL ')}) AS texts
       GROUP BY table_name, row_key HAVING bool_or(key_id <> $2)) AS old`,
    [keyIds, keyIds[0]],
  );
  return onlyRow(result);
}

const BATCH = 500;

/**
 * Seals again, with the first key, every text that another of the keys sealed. A text that changes meanwhile is left as it is: the process
 * that replaced it sealed it with its own first key. A damaged text, which does not open, is left too. Each batch is recorded as a change.
 * @param by who requested it
 * @yields the number of texts sealed again so far, after each batch
 */
export async function* resealAll(database: PoolOrClient, sealer: Sealer, by: string): AsyncGenerator<number> {
  let resealed = 0;
  for (const column of SEALED_COLUMNS) {
    for await (const batch of outdatedTexts(database, sealer, column)) {
      resealed += await transaction(database, (client) => resealBatch(client, sealer, column, batch, by));
      yield resealed;
    }
  }
}

/** @returns how many texts it sealed again */
async function resealBatch(
  client: Queryable,
  sealer: Sealer,
  column: SealedColumn,
  batch: readonly SealedText[],
  by: string,
): Promise<number> {
  let texts = 0;
  for (const text of batch) if (await resealText(client, sealer, column, text)) texts++;
  const details = { column: `${column.table}.${column.column}`, texts };
  if (texts > 0) await insertChange(client, { by, action: 'resealed', details });
  return texts;
}

interface SealedText {
  row_key: string;
  context: string;
  sealed: string;
}

async function* outdatedTexts(database: Queryable, { keyIds }: Sealer, column: SealedColumn): AsyncGenerator<SealedText[]> {
  for (let after = ''; ; ) {
    const { rows } = await database.query<SealedText>(
      `SELECT row_key, context, sealed FROM (${sealedTexts(column)}) AS texts WHERE key_id = ANY($1) AND row_key > $2 ORDER BY row_key LIMIT ${BATCH}`,
      [keyIds.slice(1), after],
    );
    if (rows.length === 0) return;
    yield rows;
    after = rows.at(-1)!.row_key;
  }
}

async function resealText(
  database: Queryable,
  sealer: Sealer,
  { table, column, key }: SealedColumn,
  { row_key, context, sealed }: SealedText,
): Promise<boolean> {
  const secret = openOrNull(sealer, sealed, context);
  if (secret === null) return false;
  const { rowCount } = await database.query(`UPDATE ${table} SET ${column} = $3 WHERE ${key}::text = $1 AND ${column} = $2`, [
    row_key,
    sealed,
    sealer.seal(secret, context),
  ]);
  return rowCount === 1;
}

function openOrNull(sealer: Sealer, sealed: string, context: string): string | null {
  try {
    return sealer.open(sealed, context);
  } catch {
    return null;
  }
}
