// INFORMATION_SCHEMA: the catalog and the jobs as rows for SELECT, with the supported columns of each view.

import type { JobResource } from '../jobs/job.ts';
import { invalidQuery } from '../rest/api-error.ts';
import type { Service } from '../service.ts';
import { type MetadataView, sameName } from '../sql/scope.ts';
import type { TablePath } from '../sql/tree.ts';
import { sameLocation } from './catalog.ts';
import { type ColumnType, quoted, scalar, storedAs, text, typeOfField, typeText } from './column-type.ts';
import { isRequired, type TableEntry } from './table.ts';

/** The scope of a view: one dataset, or a whole region. */
interface Extent {
  datasetId?: string;
  location: string;
}

interface View {
  columns: Record<string, ColumnType>;
  /** DuckDB expressions by column; missing ones are NULL. */
  rows(service: Service, extent: Extent): Record<string, string>[];
  /** Available only for whole regions. */
  needsRegion?: true;
}

const string = scalar('STRING');
const timestamp = scalar('TIMESTAMP');
const integer = scalar('INT64');

const struct = (...names: string[]): ColumnType => ({ name: 'STRUCT', fields: names.map((name) => ({ name, type: string })) });

const TABLES: View = {
  columns: {
    table_catalog: string,
    table_schema: string,
    table_name: string,
    table_type: string,
    is_insertable_into: string,
    is_typed: string,
    creation_time: timestamp,
  },
  rows: (service, extent) =>
    tablesIn(service, extent).map(({ stored, resource }) => ({
      ...nameOf(resource),
      table_type: text(stored ? 'BASE TABLE' : 'VIEW'),
      is_insertable_into: text(stored ? 'YES' : 'NO'),
      is_typed: text('NO'),
      creation_time: moment(resource.creationTime),
    })),
};

const COLUMNS: View = {
  columns: {
    table_catalog: string,
    table_schema: string,
    table_name: string,
    column_name: string,
    ordinal_position: integer,
    is_nullable: string,
    data_type: string,
    is_generated: string,
    generation_expression: string,
    is_stored: string,
    is_hidden: string,
    is_updatable: string,
    is_system_defined: string,
    is_partitioning_column: string,
    clustering_ordinal_position: integer,
  },
  rows: (service, extent) =>
    tablesIn(service, extent).flatMap(({ resource }) =>
      resource.schema.fields.map((field, index) => ({
        ...nameOf(resource),
        column_name: text(field.name),
        ordinal_position: String(index + 1),
        is_nullable: yesOrNo(!isRequired(field)),
        data_type: text(typeText(typeOfField(field))),
        is_generated: text('NEVER'),
        is_hidden: text('NO'),
        is_system_defined: text('NO'),
        is_partitioning_column: yesOrNo(sameName(resource.timePartitioning?.field, field.name)),
        clustering_ordinal_position: clusteringPosition(resource, field.name),
      })),
    ),
};

const COLUMN_FIELD_PATHS: View = {
  columns: {
    table_catalog: string,
    table_schema: string,
    table_name: string,
    column_name: string,
    field_path: string,
    data_type: string,
    description: string,
  },
  rows: (service, extent) =>
    tablesIn(service, extent).flatMap(({ resource }) =>
      resource.schema.fields.map((field) => ({
        ...nameOf(resource),
        column_name: text(field.name),
        field_path: text(field.name),
        data_type: text(typeText(typeOfField(field))),
        description: textOrNull(field.description),
      })),
    ),
};

const JOBS: View = {
  needsRegion: true,
  columns: {
    creation_time: timestamp,
    project_id: string,
    user_email: string,
    job_id: string,
    job_type: string,
    statement_type: string,
    start_time: timestamp,
    end_time: timestamp,
    query: string,
    state: string,
    total_bytes_processed: integer,
    total_bytes_billed: integer,
    cache_hit: scalar('BOOL'),
    error_result: struct('reason', 'location', 'debug_info', 'message'),
    labels: { name: 'ARRAY', element: struct('key', 'value') },
  },
  rows: (service, { location }) =>
    service.jobs
      .list()
      .filter(({ resource }) => sameLocation(resource.jobReference.location, location))
      .map(({ resource }) => jobRow(resource)),
};

const VIEWS: Record<string, View> = { TABLES, COLUMNS, COLUMN_FIELD_PATHS, JOBS, JOBS_BY_PROJECT: JOBS };

/** The view of a path such as `dataset.INFORMATION_SCHEMA.TABLES`; undefined if it names none. Throws if the path is invalid. */
export function informationSchema(
  service: Service,
  path: TablePath,
  options: { defaultDataset?: { datasetId?: string } | undefined; location?: string | undefined },
): MetadataView | undefined {
  if (path.names.at(-2) !== 'INFORMATION_SCHEMA') return undefined;
  const name = path.names.at(-1)!;
  const view = VIEWS[name];
  if (!view) throw invalidQuery(`The local BigQuery does not support INFORMATION_SCHEMA.${name}`, path.place);
  const extent = extentOf(service, path, options);
  if (view.needsRegion && extent.datasetId !== undefined)
    throw invalidQuery(`INFORMATION_SCHEMA.${name} needs a region, such as \`region-eu\`.INFORMATION_SCHEMA.${name}`, path.place);
  const columns = Object.entries(view.columns).map(([column, type]) => ({ name: column, id: quoted(column), type }));
  return { metadata: name, columns, sql: rowsSql(view.columns, view.rows(service, extent)) };
}

function extentOf(service: Service, path: TablePath, options: Parameters<typeof informationSchema>[2]): Extent {
  const { catalog, project } = service;
  const given = path.names.slice(0, -2);
  const [qualifier = options.defaultDataset?.datasetId, projectId = project] = given.reverse();
  const location = options.location ?? service.location;
  if (qualifier === undefined) throw invalidQuery('INFORMATION_SCHEMA must be qualified with a dataset or a region', path.place);
  if (projectId !== project || given.length > 2)
    throw invalidQuery(`The local BigQuery does not support ${path.names.join('.')}`, path.place);
  const region = regionOf(qualifier);
  if (region === undefined) return { datasetId: catalog.datasetIn(qualifier, location).datasetReference.datasetId, location };
  if (!sameLocation(region, location))
    throw invalidQuery(`The local BigQuery reads no ${qualifier} in a job whose location is ${location}`, path.place);
  return { location };
}

/** `region-eu` → EU; undefined if it is not a region. */
export const regionOf = (name: string) => /^region-(.+)$/i.exec(name)?.[1]?.toUpperCase();

function rowsSql(columns: View['columns'], rows: Record<string, string>[]): string {
  const names = Object.keys(columns);
  const list = (rows.length > 0 ? rows : [{}]).map(
    (row: Record<string, string>) => `(${names.map((name) => row[name] ?? 'NULL').join(', ')})`,
  );
  const casts = names.map((name) => `CAST(${quoted(name)} AS ${storedAs(columns[name]!)}) AS ${quoted(name)}`);
  const none = rows.length > 0 ? '' : ' WHERE false';
  return `(SELECT ${casts.join(', ')} FROM (VALUES ${list.join(', ')}) AS listed(${names.map(quoted).join(', ')})${none})`;
}

function tablesIn({ catalog }: Service, { datasetId, location }: Extent): TableEntry[] {
  if (datasetId !== undefined) return catalog.tables(datasetId);
  return catalog.all().filter(({ resource }) => sameLocation(resource.location, location));
}

const yesOrNo = (is: boolean) => text(is ? 'YES' : 'NO');
const textOrNull = (given: string | undefined) => (given === undefined ? 'NULL' : text(given));
const moment = (ms: string | undefined) => (ms === undefined ? 'NULL' : `CAST(${text(new Date(Number(ms)).toISOString())} AS TIMESTAMPTZ)`);

function nameOf({ tableReference: { projectId, datasetId, tableId } }: TableEntry['resource']): Record<string, string> {
  return { table_catalog: text(projectId), table_schema: text(datasetId), table_name: text(tableId) };
}

function clusteringPosition({ clustering }: TableEntry['resource'], column: string): string {
  const at = clustering?.fields.findIndex((name) => sameName(name, column)) ?? -1;
  return at < 0 ? 'NULL' : String(at + 1);
}

function jobRow({ jobReference, configuration, status, statistics, user_email }: JobResource): Record<string, string> {
  const { query } = statistics;
  const number = (value: unknown) => (value === undefined ? 'NULL' : String(Number(value)));
  const labels = Object.entries(configuration.labels ?? {}).map(([key, value]) => pack({ key, value }));
  return {
    creation_time: moment(statistics.creationTime),
    project_id: text(jobReference.projectId),
    user_email: text(user_email),
    job_id: text(jobReference.jobId),
    job_type: text(configuration.jobType),
    statement_type: textOrNull(query?.statementType as string | undefined),
    start_time: moment(statistics.startTime),
    end_time: moment(statistics.endTime),
    query: textOrNull(configuration.query?.query),
    state: text(status.state),
    total_bytes_processed: number(statistics.totalBytesProcessed),
    total_bytes_billed: number(query?.totalBytesBilled),
    cache_hit: query ? 'false' : 'NULL',
    error_result: status.errorResult ? errorOf(status.errorResult) : 'NULL',
    labels: `[${labels.join(', ')}]::STRUCT("key" VARCHAR, "value" VARCHAR)[]`,
  };
}

const errorOf = ({ reason, location, debugInfo, message }: NonNullable<JobResource['status']['errorResult']>) =>
  pack({ reason, location, debug_info: debugInfo, message });

function pack(values: Record<string, string | undefined>): string {
  const fields = Object.entries(values).map(([name, value]) => `${quoted(name)} := CAST(${textOrNull(value)} AS VARCHAR)`);
  return `struct_pack(${fields.join(', ')})`;
}
