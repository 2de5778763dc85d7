import { Readable } from 'node:stream';
import type { Column } from '../../core/fields/columns.ts';
import type { MetadataRow, MetadataValue } from '../../core/fields/metadata-tables.ts';
import type { JobOutcome } from '../jobs.ts';
import type { Job } from '../resources.ts';
import type { TableName } from '../sql/quote.ts';
import type { Warehouse } from '../warehouse.ts';
import { loadJobResource, waitForLoad } from './load.ts';
import { uploadMultipart } from './upload-multipart.ts';

/** The load of some rows into a typed table. */
export interface RowsLoad {
  /** an existing job with this id is adopted, so that rows never load twice */
  jobId: string;
  table: TableName;
  columns: readonly Column[];
  rows: readonly MetadataRow[];
  /** append: adds the rows; replace: the table then contains only these rows, and keeps its schema, descriptions and policies */
  write: 'append' | 'replace';
  labels: Record<string, string>;
}

/** Loads rows in one request, and waits for the load job to finish. @throws AppError if a call to BigQuery fails */
export async function loadRows(warehouse: Warehouse, load: RowsLoad): Promise<JobOutcome> {
  const { columns, rows } = load;
  const header = `${columns.map(({ name }) => name).join(',')}\n`;
  const content = Readable.from([Buffer.from([header, ...rows.map((row) => csvRecord(columns, row))].join(''))]);
  await uploadMultipart(warehouse, toJobResource(warehouse, load), content);
  return await waitForLoad(warehouse, load);
}

function toJobResource(warehouse: Warehouse, { columns, write, ...load }: RowsLoad): Job {
  const text = loadJobResource(warehouse, { ...load, columns: columns.map(({ name }) => name) });
  return {
    ...text,
    configuration: {
      ...text.configuration,
      load: {
        ...text.configuration?.load,
        schema: { fields: columns.map(({ name, type }) => ({ name, type, mode: 'NULLABLE' })) },
        writeDisposition: write === 'append' ? 'WRITE_APPEND' : 'WRITE_TRUNCATE_DATA',
      },
    },
  };
}

function csvRecord(columns: readonly Column[], row: MetadataRow): string {
  return `${columns.map(({ name }) => csvValue(row[name] ?? null)).join(',')}\n`;
}

/** Only texts are quoted: an unquoted empty value is NULL, a quoted one an empty text. */
function csvValue(value: MetadataValue): string {
  if (value === null) return '';
  return typeof value === 'string' ? `"${value.replaceAll('"', '""')}"` : String(value);
}
