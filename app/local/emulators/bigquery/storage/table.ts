// A table: its REST resource, where DuckDB stores its rows, and how queries see it.

import type { StoredTable } from '../sql/scope.ts';
import { type Field, quoted, typeOfField } from './column-type.ts';
import { filtersOf, type RowAccessPolicy } from './row-access.ts';

export interface TimePartitioning {
  type: string;
  /** The column; absent: ingestion time. */
  field?: string;
  /** How long a partition is kept after its start time. */
  expirationMs?: string | null;
  [more: string]: unknown;
}

/** Declared, never enforced. */
export interface TableConstraints {
  primaryKey?: { columns: string[] };
  [more: string]: unknown;
}

export interface TableReference {
  projectId: string;
  datasetId: string;
  tableId: string;
}

export interface TableResource {
  kind: 'bigquery#table';
  id: string;
  etag: string;
  type: 'TABLE' | 'VIEW';
  location: string;
  tableReference: TableReference;
  schema: { fields: Field[] };
  creationTime: string;
  lastModifiedTime: string;
  expirationTime?: string;
  timePartitioning?: TimePartitioning | undefined;
  clustering?: { fields: string[] };
  tableConstraints?: TableConstraints;
  view?: { query: string; useLegacySql: boolean };
  [more: string]: unknown;
}

export interface TableEntry {
  /** dataset.table */
  key: string;
  /** Its name in DuckDB's schema `data`; a view has none. */
  stored: string | undefined;
  resource: TableResource;
  policies?: RowAccessPolicy[];
}

export const storedSql = (stored: string) => `data.${quoted(stored)}`;
export const tableKey = (reference: { datasetId: string; tableId: string }) => `${reference.datasetId}.${reference.tableId}`;
export const isRequired = (field: Field) => field.mode?.toUpperCase() === 'REQUIRED';

/** The table as queries see it. */
export function queriedTable({ key, stored, resource, policies }: TableEntry): StoredTable {
  const columns = resource.schema.fields.map((field) => ({ name: field.name, type: typeOfField(field), required: isRequired(field) }));
  return { key, sql: storedSql(stored!), columns, filters: filtersOf(policies) };
}
