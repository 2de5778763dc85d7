import type { TableField } from './resources.ts';
import type { Warehouse } from './warehouse.ts';

/** A page of a query's rows. */
export interface ResultPage {
  /** empty for a statement that returns no rows */
  columns: { name: string; type: string }[];
  rows: Record<string, unknown>[];
}

/**
 * Reads the result of a query job that succeeded within the last day, page by page. INT64 values keep all their digits.
 * @throws AppError
 */
export async function* readResults(warehouse: Warehouse, jobId: string): AsyncGenerator<ResultPage> {
  let next: object | null | undefined = { autoPaginate: false, wrapIntegers: true };
  while (next) {
    const options: object = next;
    const [rows, following, response] = await warehouse.call(`read the rows of the job ${jobId}`, (client) =>
      client.job(jobId, { location: warehouse.location }).getQueryResults(options),
    );
    const fields: TableField[] = response?.schema?.fields ?? [];
    yield { columns: fields.map(({ name = '', type = '' }) => ({ name, type })), rows };
    next = following;
  }
}
