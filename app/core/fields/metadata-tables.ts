import type { Column } from './columns.ts';

/** A value of a metadata table; timestamps are ISO 8601 texts. */
export type MetadataValue = string | number | boolean | null;

/** A row of a metadata table, by column. */
export type MetadataRow = Readonly<Record<string, MetadataValue>>;

/** A table of a target dataset in which the service reports its own work. It contains counts, names, codes and ids, never record values. */
export interface MetadataTable {
  readonly name: string;
  /** for analysts */
  readonly description: string;
  readonly columns: readonly Required<Column>[];
  /** the table is partitioned by the month of this TIMESTAMP column; undefined: not partitioned */
  readonly partitionField: string | undefined;
  /** `append`: a batch adds its rows; `replace`: a batch contains the whole table */
  readonly write: 'append' | 'replace';
}

/** The row type of a list of columns. */
export type RowOfColumns<Columns extends readonly Column[]> = Readonly<Record<Columns[number]['name'], MetadataValue>>;

const RUN = {
  name: 'run',
  type: 'STRING',
  description: "The run's id, as in the API and in the column _run of the target table.",
} as const;
const JOB = { name: 'job', type: 'STRING', description: 'The id of the import job, which replicates one object into one table.' } as const;
const OBJECT = { name: 'object', type: 'STRING', description: "The Salesforce object's API name." } as const;
const TABLE_NAME = { name: 'table_name', type: 'STRING', description: 'The target table, in this dataset.' } as const;

export const RUN_COLUMNS = [
  OBJECT,
  TABLE_NAME,
  { name: 'kind', type: 'STRING', description: 'window: the regular import of a window. reimport, rebuild, sweep: repairs.' },
  {
    name: 'window_from',
    type: 'TIMESTAMP',
    description: 'Start of the range that the run read, inclusive: of its window, or of the repair.',
  },
  { name: 'window_to', type: 'TIMESTAMP', description: 'End of the range, exclusive.' },
  { name: 'state', type: 'STRING', description: 'succeeded, failed or cancelled.' },
  {
    name: 'verdict',
    type: 'STRING',
    description:
      "Rows read, compared with Salesforce's counts before and after: exact, within n, not counted, or what an operator accepted. NULL unless it succeeded.",
  },
  { name: 'error_code', type: 'STRING', description: 'Code of the last error. NULL if the run succeeded.' },
  { name: 'attempts', type: 'INT64', description: 'How often a worker claimed the run. More than 1 if it was interrupted.' },
  {
    name: 'actions',
    type: 'STRING',
    description: 'What operators did with the run, such as retry by ops at 2023-03-20T08:15:00.000Z. NULL: nothing.',
  },
  { name: 'queued_at', type: 'TIMESTAMP', description: 'When the run was queued.' },
  { name: 'started_at', type: 'TIMESTAMP', description: 'When a worker first claimed the run. NULL: never.' },
  { name: 'finished_at', type: 'TIMESTAMP', description: 'When the run ended. The table is partitioned by its month.' },
  { name: 'duration_seconds', type: 'FLOAT64', description: 'From started_at to finished_at, including waits between attempts.' },
  {
    name: 'salesforce_before',
    type: 'INT64',
    description: "Salesforce's COUNT() of the range before it was read. NULL: not counted. All counts are NULL unless the run succeeded.",
  },
  { name: 'salesforce_after', type: 'INT64', description: "Salesforce's COUNT() of the range after it was read. NULL: not counted." },
  { name: 'processed', type: 'INT64', description: 'Rows that Salesforce reported as processed.' },
  { name: 'rows_in_pages', type: 'INT64', description: 'Rows announced by the headers of the result pages.' },
  { name: 'loaded', type: 'INT64', description: 'Rows written by the load jobs.' },
  { name: 'staged', type: 'INT64', description: 'Rows counted in the staging tables.' },
  { name: 'distinct_ids', type: 'INT64', description: 'Distinct Ids among the staged rows.' },
  { name: 'delta_rows', type: 'INT64', description: 'Rows to merge, one per Id. 0 for a window without changes.' },
  { name: 'inserted', type: 'INT64', description: 'Rows inserted into the target table.' },
  { name: 'updated', type: 'INT64', description: 'Rows updated in the target table.' },
  { name: 'deleted', type: 'INT64', description: 'Rows deleted from the target table, for jobs that remove deleted records.' },
  { name: 'torn', type: 'INT64', description: 'Rows that changed while they were read and were left to the next window.' },
  {
    name: 'reread_from',
    type: 'TIMESTAMP',
    description:
      'The next window also reads rows stamped from here on, because Salesforce committed some too late for this one. NULL: none.',
  },
  { name: 'invalid_values', type: 'INT64', description: 'Values that their column could not store. _invalid_values lists them.' },
  {
    name: 'invalid_columns',
    type: 'STRING',
    description: 'The columns with invalid values and how many each, such as Amount 2, Score__c 1.',
  },
  { name: 'api', type: 'STRING', description: 'The Salesforce API that read the rows: rest, bulk, or both.' },
  { name: 'slices', type: 'INT64', description: 'Salesforce queries into which the run was divided.' },
  { name: 'pages', type: 'INT64', description: 'Result pages, each loaded by one load job.' },
  { name: 'bytes', type: 'INT64', description: 'Bytes of the pages as received, usually compressed.' },
  { name: 'bytes_billed', type: 'INT64', description: "Bytes that BigQuery billed for the run's statements, over all attempts." },
  RUN,
  JOB,
] as const satisfies readonly Required<Column>[];

export const SCHEMA_CHANGE_COLUMNS = [
  { name: 'changed_at', type: 'TIMESTAMP', description: 'When the run that applied or noticed the change ended.' },
  OBJECT,
  TABLE_NAME,
  {
    name: 'change',
    type: 'STRING',
    description:
      'column_added: the table has a new column. column_orphaned: nothing fills the column any more, because its field is hidden or deleted, or another column gets its values. field_retyped: the field has another type. field_skipped: the field is not read. field_pending: the field is new, and is not read until it is approved.',
  },
  { name: 'field', type: 'STRING', description: "The Salesforce field's API name, for field_retyped, field_skipped and field_pending." },
  { name: 'column_name', type: 'STRING', description: 'The column. For field_retyped, the one that gets the values from now on.' },
  { name: 'field_type', type: 'STRING', description: 'For field_retyped: the column type that fits the field now.' },
  { name: 'column_type', type: 'STRING', description: "For field_retyped: the column's type." },
  {
    name: 'detail',
    type: 'STRING',
    description:
      'For field_retyped: kept (the column can store the values), widened (its type was changed) or new_column. For field_skipped: the reason, an unknown type or the code of an error of Salesforce.',
  },
  RUN,
  JOB,
] as const satisfies readonly Required<Column>[];

export const JOB_COLUMNS = [
  OBJECT,
  TABLE_NAME,
  {
    name: 'last_date',
    type: 'TIMESTAMP',
    description: 'The table contains every change stamped before this time. NULL: nothing is imported yet.',
  },
  { name: 'last_success_at', type: 'TIMESTAMP', description: 'When a window was last imported, even one without changes. NULL: never.' },
  { name: 'every', type: 'STRING', description: 'How often the windows of the job close: 15m to 12h, or day.' },
  { name: 'active', type: 'BOOL', description: 'FALSE: the job is paused.' },
  { name: 'needs_login', type: 'BOOL', description: 'TRUE: Salesforce no longer accepts the grant, and a user must log in again.' },
  {
    name: 'error_code',
    type: 'STRING',
    description: 'Code of the error for which the latest window failed, or waits. NULL: no error.',
  },
  {
    name: 'start_date',
    type: 'TIMESTAMP',
    description: 'Records that have not changed since then are not imported. NULL: all records are.',
  },
  JOB,
] as const satisfies readonly Required<Column>[];

export const FIELD_COLUMNS = [
  OBJECT,
  TABLE_NAME,
  { name: 'field', type: 'STRING', description: "The Salesforce field's API name." },
  {
    name: 'column_name',
    type: 'STRING',
    description: 'The column that the field fills, or filled last. NULL: none, for example because it consists of other fields.',
  },
  { name: 'column_type', type: 'STRING', description: "The column's type." },
  { name: 'hashed', type: 'BOOL', description: 'TRUE: the column contains hashes of the values.' },
  { name: 'label', type: 'STRING', description: "The field's label in Salesforce." },
  { name: 'type', type: 'STRING', description: "The field's type in Salesforce, with its size." },
  { name: 'help', type: 'STRING', description: 'The help text that an admin wrote. NULL: none.' },
  { name: 'formula', type: 'STRING', description: 'The formula by which Salesforce computes the value. NULL: it is not a formula.' },
  {
    name: 'picklist_values',
    type: 'STRING',
    description:
      'The first 20 active values of a picklist, each with its label if that differs. NULL: it is none, or its field is excluded or hashed.',
  },
  { name: 'refers_to', type: 'STRING', description: 'The objects whose Ids the field contains. NULL: it is not a reference.' },
  { name: 'since', type: 'TIMESTAMP', description: 'When the service first saw the field.' },
  {
    name: 'until',
    type: 'TIMESTAMP',
    description: "When the service no longer saw it: it was deleted, or hidden from the connection's user. NULL: it is there.",
  },
  JOB,
] as const satisfies readonly Required<Column>[];

const INSTALLATION_COLUMNS = [
  { name: 'installation', type: 'STRING', description: 'The id of the installation: of its job store, and of each copy of it.' },
  { name: 'epoch', type: 'INT64', description: 'Increases each time that an operator accepts a restored job store.' },
  { name: 'batch', type: 'INT64', description: 'The batch of the outbox that wrote this row.' },
  { name: 'batch_token', type: 'STRING', description: 'Distinguishes the batch from one with the same id of a copy of the job store.' },
  { name: 'address', type: 'STRING', description: "Hash of the job store's address: its host, port and database." },
  { name: 'heartbeat_at', type: 'TIMESTAMP', description: 'When the job store was last known to be in use.' },
  {
    name: 'rotations',
    type: 'STRING',
    description: 'JSON: how often Salesforce has replaced the refresh token of each connection, by connection id.',
  },
] as const satisfies readonly Required<Column>[];

/** The ended runs of a dataset. */
export const RUNS_TABLE: MetadataTable = {
  name: '_runs',
  description:
    'One row per ended run of salesforce-bigquery-sync: which window of which object it imported, what was counted at each stage, and the verdict. Includes windows without changes, and runs that failed or were cancelled. Written about every five minutes.',
  columns: RUN_COLUMNS,
  partitionField: 'finished_at',
  write: 'append',
};

/** The schema changes of a dataset's target tables. */
export const SCHEMA_CHANGES_TABLE: MetadataTable = {
  name: '_schema_changes',
  description:
    'One row per change of a target table or of the fields that fill it, as salesforce-bigquery-sync noticed it. Nothing is ever dropped from a target table.',
  columns: SCHEMA_CHANGE_COLUMNS,
  partitionField: undefined,
  write: 'append',
};

/** The current state of a dataset's jobs, for the view `_freshness`. */
export const JOBS_TABLE: MetadataTable = {
  name: '_jobs',
  description:
    'One row per import job of salesforce-bigquery-sync, as it is now. Replaced within about five minutes of a change. Query the view _freshness instead, which adds the lag.',
  columns: JOB_COLUMNS,
  partitionField: undefined,
  write: 'replace',
};

/** The dictionaries of a dataset's jobs. */
export const FIELDS_TABLE: MetadataTable = {
  name: '_fields',
  description:
    'One row per field of the Salesforce objects that salesforce-bigquery-sync imports into this dataset: what it means, and which column it fills. Replaced within about five minutes of a run that noticed a change.',
  columns: FIELD_COLUMNS,
  partitionField: undefined,
  write: 'replace',
};

export const METADATA_TABLES: readonly MetadataTable[] = [RUNS_TABLE, SCHEMA_CHANGES_TABLE, JOBS_TABLE, FIELDS_TABLE];

/** Which job store wrote to BigQuery last, in the first dataset only. */
export const INSTALLATION_TABLE: MetadataTable = {
  name: '_installation',
  description:
    'One row: which job store of salesforce-bigquery-sync wrote to BigQuery last, and when. Replaced about every five minutes. The service uses it to recognize a job store that was restored or copied. Do not change it.',
  columns: INSTALLATION_COLUMNS,
  partitionField: undefined,
  write: 'replace',
};

/** The column that the view `_freshness` adds to those of `_jobs`. */
export const LAG_COLUMN: Required<Column> = {
  name: 'lag_minutes',
  type: 'INT64',
  description: 'Minutes since last_date, at the time of the query. For a job that keeps up, at most every plus about half an hour.',
};
