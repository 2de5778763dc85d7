import { AppError } from '../../errors.ts';
import type { Table } from '../resources.ts';
import type { TableName } from '../sql/quote.ts';
import type { Warehouse } from '../warehouse.ts';
import { formatTableName, getTable, patchTable } from './table.ts';

/** When a table expires, and how long after their time its partitions do. Null: never. */
export interface Expirations {
  time: Date | null;
  partitionsMs: number | null;
}

export const NEVER_EXPIRES: Expirations = { time: null, partitionsMs: null };

/** BigQuery may round the time. */
const TOLERANCE_MS = 60_000;

/**
 * Sets the expirations of one of our tables, because a new table inherits its dataset's defaults. BigQuery drops rows inserted into an
 * expired partition but still counts them as inserted.
 * @param found the table as BigQuery last described it
 * @returns whether they were different
 * @throws AppError bigquery_refused if BigQuery does not keep them
 */
export async function ensureExpirations(warehouse: Warehouse, name: TableName, found: Table, wanted: Expirations): Promise<boolean> {
  if (wrongExpirations(found, wanted).length === 0) return false;
  const expirationMs = wanted.partitionsMs === null ? null : String(wanted.partitionsMs);
  await patchTable(warehouse, name, {
    expirationTime: wanted.time === null ? null : String(wanted.time.getTime()),
    ...(found.timePartitioning && { timePartitioning: { ...found.timePartitioning, expirationMs } }),
  });
  const after = await getTable(warehouse, name);
  const wrong = after ? wrongExpirations(after, wanted) : [];
  if (wrong.length > 0) throw expirationsNotKept(name, wrong);
  return true;
}

type ExpirationKind = 'table' | 'partition';

/** The dataset defaults that may have caused a wrong expiration. */
function wrongExpirations({ expirationTime, timePartitioning }: Table, { time, partitionsMs }: Expirations): ExpirationKind[] {
  const wrong: ExpirationKind[] = [];
  const isTimeRight = time === null ? !expirationTime : Math.abs(Number(expirationTime) - time.getTime()) < TOLERANCE_MS;
  if (!isTimeRight) wrong.push('table');
  if (timePartitioning && Number(timePartitioning.expirationMs ?? 0) !== (partitionsMs ?? 0)) wrong.push('partition');
  return wrong;
}

function expirationsNotKept(name: TableName, wrong: ExpirationKind[]): AppError {
  const options = wrong.map((kind) => `--default_${kind}_expiration 0`).join(' ');
  return new AppError(
    'bigquery_refused',
    `The ${wrong.join(' and ')} expiration of ${formatTableName(name)} comes from a dataset default and cannot be removed. Run bq update ${options} ${name.project}:${name.dataset}, then call handle_importing_job.`,
  );
}
