import { AppError } from '../errors.ts';
import type { Table } from './resources.ts';
import type { TableName } from './sql.ts';
import { display, getTable, patchTable } from './table.ts';
import type { Warehouse } from './warehouse.ts';

/** When a table, and so long after their time its partitions, are deleted. Null: never. */
export interface Expirations {
  time: Date | null;
  partitionsMs: number | null;
}

export const NEVER: Expirations = { time: null, partitionsMs: null };

/** BigQuery need not keep milliseconds. */
const TOLERANCE_MS = 60_000;

/**
 * Gives a table of ours the expirations that it is to have, since a new one has its dataset's defaults. Rows of a partition that has
 * expired vanish as they are inserted, and are counted as inserted all the same.
 * @param found the table as BigQuery last described it
 * @returns whether it had others
 * @throws AppError bigquery_refused where they do not stay
 */
export async function settleExpirations(warehouse: Warehouse, name: TableName, found: Table, wanted: Expirations): Promise<boolean> {
  if (wrongExpirations(found, wanted).length === 0) return false;
  const expirationMs = wanted.partitionsMs === null ? null : String(wanted.partitionsMs);
  await patchTable(warehouse, name, {
    expirationTime: wanted.time === null ? null : String(wanted.time.getTime()),
    ...(found.timePartitioning && { timePartitioning: { ...found.timePartitioning, expirationMs } }),
  });
  const after = await getTable(warehouse, name);
  const wrong = after ? wrongExpirations(after, wanted) : [];
  if (wrong.length > 0) throw doesNotStay(name, wrong);
  return true;
}

type Default = 'table' | 'partition';

/** The dataset's defaults that may have given the table an expiration that it is not to have. */
function wrongExpirations({ expirationTime, timePartitioning }: Table, { time, partitionsMs }: Expirations): Default[] {
  const wrong: Default[] = [];
  const isTimeRight = time === null ? !expirationTime : Math.abs(Number(expirationTime) - time.getTime()) < TOLERANCE_MS;
  if (!isTimeRight) wrong.push('table');
  if (timePartitioning && Number(timePartitioning.expirationMs ?? 0) !== (partitionsMs ?? 0)) wrong.push('partition');
  return wrong;
}

function doesNotStay(name: TableName, wrong: Default[]): AppError {
  const options = wrong.map((kind) => `--default_${kind}_expiration 0`).join(' ');
  return new AppError(
    'bigquery_refused',
    `The ${wrong.join(' and ')} expiration of ${display(name)} comes from a default of its dataset and cannot be removed. Run bq update ${options} ${name.project}:${name.dataset}, then call handle_importing_job.`,
  );
}
