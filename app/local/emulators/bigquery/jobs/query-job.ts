import { randomUUID } from 'node:crypto';
import { ApiError, invalidQuery } from '../rest/api-error.ts';
import { isApiError } from '../rest/http.ts';
import type { Service } from '../service.ts';
import { type CreatePlan, type CreateViewPlan, type DmlPlan, fieldsOf, type Plan, planStatement, type SelectPlan } from '../sql/plan.ts';
import type { Sources } from '../sql/scope.ts';
import type { TablePath } from '../sql/tree.ts';
import { quoted, storedAs } from '../storage/column-type.ts';
import { queryRows, rowChunks, type Transaction } from '../storage/database.ts';
import { openDestination } from '../storage/destination.ts';
import { newTableResource } from '../storage/new-table.ts';
import { checkPartitioning } from '../storage/partitions.ts';
import { withoutPolicy, withPolicy } from '../storage/row-access.ts';
import { alterTable, checkFields, checkPrimaryKey } from '../storage/schema-change.ts';
import { referenceOf, sourcesOf } from '../storage/sources.ts';
import { storedSql, type TableEntry, type TimePartitioning, tableKey } from '../storage/table.ts';
import type { Job, QueryConfiguration } from './job.ts';

/** Immediately rejects requests that the emulator does not support. */
export function checkQuery(query: QueryConfiguration): void {
  if (!query.query) throw new ApiError('required', 'Required parameter is missing: query');
  if (query.useLegacySql !== false)
    throw new ApiError('invalid', 'The local BigQuery does not support legacy SQL. Set useLegacySql to false');
  if (query.parameterMode === 'POSITIONAL') throw new ApiError('invalid', 'The local BigQuery supports only named query parameters');
  for (const name of ['timePartitioning', 'rangePartitioning', 'clustering'])
    if (query[name]) throw new ApiError('invalid', `The local BigQuery does not support ${name} in a query job`);
  const unknown = query.schemaUpdateOptions?.find((option) => option !== 'ALLOW_FIELD_RELAXATION');
  if (unknown) throw new ApiError('invalid', `The local BigQuery does not support ${unknown} in a query job`);
  if (query.schemaUpdateOptions?.length && !['WRITE_APPEND', 'WRITE_TRUNCATE_DATA'].includes(query.writeDisposition ?? ''))
    throw new ApiError('invalid', 'Schema update options should only be specified with WRITE_APPEND or WRITE_TRUNCATE_DATA disposition.');
}

interface Prepared {
  plan: Plan;
  sources: Sources;
}

function prepare(service: Service, job: Job): Prepared {
  const query = job.resource.configuration.query!;
  const sources = sourcesOf(service, { ...query, location: job.resource.jobReference.location });
  return { plan: planStatement(query.query!, sources), sources };
}

/** The table that the job changes, if any. Throws if the statement is invalid. */
export function queryTarget(service: Service, job: Job): string | undefined {
  const query = job.resource.configuration.query!;
  const { plan } = prepare(service, job);
  if (plan.kind === 'dml') return plan.target.key;
  if (plan.kind !== 'select') return tableKey(referenceOf(service, plan.path, query));
  return query.destinationTable?.tableId
    ? tableKey({ datasetId: query.destinationTable.datasetId!, tableId: query.destinationTable.tableId })
    : undefined;
}

/** Counts what the statement reads, runs it unless it is a dry run, and fills in the job's statistics. */
export async function runQuery(service: Service, job: Job, transaction: Transaction | undefined): Promise<void> {
  const { plan, sources } = prepare(service, job);
  requireFineGrainedReader(service, sources);
  const bytes = await bytesRead(service, plan, sources);
  const { statistics, configuration } = job.resource;
  statistics.totalBytesProcessed = String(bytes.processed);
  statistics.query = {
    statementType: plan.statementType,
    totalBytesProcessed: String(bytes.processed),
    totalBytesBilled: transaction ? String(bytes.billed) : '0',
    cacheHit: false,
    referencedTables: [...sources.reads.keys()].map((key) => ({
      projectId: service.project,
      datasetId: key.split('.')[0],
      tableId: key.slice(key.indexOf('.') + 1),
    })),
  };
  if (plan.kind === 'select') statistics.query.schema = { fields: fieldsOf(plan.columns) };
  const most = configuration.query!.maximumBytesBilled;
  if (most !== undefined && bytes.billed > Number(most)) {
    statistics.query.totalBytesBilled = '0';
    throw new ApiError('bytesBilledLimitExceeded', `Query exceeded limit for bytes billed: ${most}. ${bytes.billed} or higher required.`);
  }
  if (transaction) await carryOut(service, job, plan, transaction);
}

/** Reading or updating a column with a policy tag takes the role Fine-Grained Reader. Throws accessDenied. */
function requireFineGrainedReader(service: Service, { reads, updates }: Sources): void {
  for (const [key, columns] of [...reads, ...updates]) {
    const [datasetId, tableId] = [key.slice(0, key.indexOf('.')), key.slice(key.indexOf('.') + 1)];
    for (const { name, policyTags } of service.catalog.table({ datasetId, tableId }).resource.schema.fields) {
      const denied = columns.has(name) && policyTags?.names?.find((tag) => service.faults.take('tag-denied', tag));
      if (!denied) continue;
      throw new ApiError(
        'accessDenied',
        `Access Denied: BigQuery BigQuery: User has neither fine-grained reader nor masked get permission to get data protected by policy tag "${denied}" on column ${service.project}.${key}.${name}.`,
      );
    }
  }
}

const MIB = 1024 * 1024;

/** Google's rule: the columns named, the whole target if rows are rewritten; at least 10 MiB per table, in whole MiB. */
async function bytesRead(service: Service, plan: Plan, sources: Sources): Promise<{ processed: number; billed: number }> {
  // A query of INFORMATION_SCHEMA costs the minimum of any query.
  let [processed, billed] = sources.metadata.size > 0 ? [10 * MIB, 10 * MIB] : [0, 0];
  for (const [key, columns] of sources.reads) {
    const [datasetId, tableId] = [key.slice(0, key.indexOf('.')), key.slice(key.indexOf('.') + 1)];
    const sizes = await service.catalog.columnBytes(service.catalog.table({ datasetId, tableId }));
    const whole = plan.kind === 'dml' && plan.rewritesTarget && plan.target.key === key;
    const read = [...sizes].reduce((sum, [name, size]) => sum + (columns.has(name) ? size : 0) + (whole ? size : 0), 0);
    processed += read;
    if (read > 0) billed += Math.max(10 * MIB, Math.ceil(read / MIB) * MIB);
  }
  return { processed, billed };
}

async function carryOut(service: Service, job: Job, plan: Plan, transaction: Transaction): Promise<void> {
  switch (plan.kind) {
    case 'select':
      return select(service, job, plan, transaction);
    case 'dml':
      return change(service, job, plan, transaction);
    case 'create table':
      return createTable(service, job, plan, transaction);
    case 'create view':
      return createView(service, job, plan, transaction);
    case 'drop': {
      const found = target(service, job, plan.path);
      if (!found && !plan.ifExists) throw notFound(service, job, plan.path);
      if (found && Boolean(found.stored) !== (plan.statementType === 'DROP_TABLE'))
        throw invalidQuery(`${found.key} is not a ${plan.statementType.slice(5)}`);
      if (found) await service.catalog.removeTable(transaction, found);
      return recordDdl(job, found ? 'DROP' : 'SKIP');
    }
    case 'create policy':
    case 'drop policy': {
      const found = target(service, job, plan.path);
      if (!found?.stored) throw notFound(service, job, plan.path);
      const before = found.policies ?? [];
      const policies =
        plan.kind === 'create policy' ? withPolicy(before, plan, service.now()) : withoutPolicy(before, plan.name, plan.ifExists);
      await service.catalog.putTable(transaction, { ...found, policies });
      return recordDdl(job, plan.kind === 'create policy' ? 'CREATE' : 'DROP');
    }
    case 'alter table': {
      const found = target(service, job, plan.path);
      if (!found && plan.ifExists) return recordDdl(job, 'SKIP');
      if (!found?.stored) throw notFound(service, job, plan.path);
      await service.catalog.putTable(transaction, await alterTable(transaction, found, plan.alterations));
      return recordDdl(job, 'ALTER');
    }
  }
}

const target = (service: Service, job: Job, path: TablePath) =>
  service.catalog.findTable(referenceOf(service, path, job.resource.configuration.query!));

function notFound(service: Service, job: Job, path: TablePath): ApiError {
  const reference = referenceOf(service, path, job.resource.configuration.query!);
  return new ApiError(
    'notFound',
    `Not found: Table ${service.project}:${tableKey(reference)} was not found in location ${job.resource.jobReference.location}`,
  );
}

function recordDdl(job: Job, ddlOperationPerformed: string): void {
  Object.assign(job.resource.statistics.query!, { ddlOperationPerformed });
}

/** A result is also a table, kept for a day, or the job's destination table if it names one. */
async function select(service: Service, job: Job, plan: SelectPlan, transaction: Transaction): Promise<void> {
  const query = job.resource.configuration.query!;
  const fields = fieldsOf(plan.columns);
  if (query.destinationTable?.tableId) {
    job.results = { fields, destination: await writeDestination(service, job, plan, transaction) };
    return;
  }
  const stored = `r_${randomUUID().replaceAll('-', '')}`;
  // Declares the types explicitly: DuckDB would lose the type of a column that is NULL in every row.
  const columns = plan.columns.map((column) => `${column.id} ${storedAs(column.type)}`);
  await transaction.connection.run(`CREATE TABLE ${storedSql(stored)} (${columns.join(', ')})`);
  const { rowsChanged } = await transaction.connection.run(`INSERT INTO ${storedSql(stored)} ${plan.sql}`);
  job.results = { stored, fields, rows: rowsChanged };
}

/** Writes the rows to the job's destination table, by its dispositions. @returns the table */
async function writeDestination(service: Service, job: Job, plan: SelectPlan, transaction: Transaction) {
  const query = job.resource.configuration.query!;
  const reference = { datasetId: query.destinationTable!.datasetId!, tableId: query.destinationTable!.tableId! };
  service.catalog.datasetIn(reference.datasetId, job.resource.jobReference.location);
  const fields = fieldsOf(plan.columns);
  const entry = await openDestination(service, transaction, reference, fields, {
    ...(query.createDisposition ? { createDisposition: query.createDisposition } : {}),
    writeDisposition: query.writeDisposition ?? 'WRITE_EMPTY',
    schemaUpdateOptions: query.schemaUpdateOptions ?? [],
  });
  const names = fields.map((field) => quoted(field.name)).join(', ');
  await transaction.connection.run(`INSERT INTO ${storedSql(entry.stored!)} (${names}) ${plan.sql}`);
  await service.catalog.putTable(transaction, entry);
  return reference;
}

async function change(service: Service, job: Job, plan: DmlPlan, transaction: Transaction): Promise<void> {
  const { connection } = transaction;
  if (plan.source) await connection.run(`CREATE OR REPLACE TEMP TABLE ${plan.source.name} AS ${plan.source.sql}`);
  if (plan.duplicates && (await queryRows(connection, plan.duplicates)).length > 0) {
    throw invalidQuery('UPDATE/MERGE must match at most one source row for each target row');
  }
  const counts: Record<string, number> = { INSERT: 0, UPDATE: 0, DELETE: 0 };
  const result = await connection.stream(plan.sql);
  for await (const rows of rowChunks(result)) {
    for (const [first] of rows) {
      if (plan.statementType === 'MERGE') counts[String(first)]! += 1;
      else counts[plan.statementType === 'TRUNCATE_TABLE' ? 'DELETE' : plan.statementType] = Number(first);
    }
  }
  if (plan.source) await connection.run(`DROP TABLE ${plan.source.name}`);
  const [datasetId, tableId] = [
    plan.target.key.slice(0, plan.target.key.indexOf('.')),
    plan.target.key.slice(plan.target.key.indexOf('.') + 1),
  ];
  await service.catalog.putTable(transaction, service.catalog.table({ datasetId, tableId }));
  const { INSERT: inserted = 0, UPDATE: updated = 0, DELETE: deleted = 0 } = counts;
  Object.assign(job.resource.statistics.query!, {
    numDmlAffectedRows: String(inserted + updated + deleted),
    dmlStats: { insertedRowCount: String(inserted), updatedRowCount: String(updated), deletedRowCount: String(deleted) },
  });
}

async function createTable(service: Service, job: Job, plan: CreatePlan, transaction: Transaction): Promise<void> {
  const found = replaceable(service, job, plan);
  if (found === 'skip') return recordDdl(job, 'SKIP');
  const reference = referenceOf(service, plan.path, job.resource.configuration.query!);
  service.catalog.datasetIn(reference.datasetId, job.resource.jobReference.location);
  if (found && partitionedBy(found.resource.timePartitioning) !== partitionedBy(plan.resource.timePartitioning)) {
    throw invalidQuery('Cannot replace a table with a different partitioning spec. Instead, DROP the table, and then recreate it.');
  }
  const fields = checkFields(plan.fields);
  checkPartitioning({ ...plan.resource }, fields);
  checkPrimaryKey(plan.resource.tableConstraints, fields);
  const stored = await service.catalog.createStored(transaction, fields);
  if (plan.query) await transaction.connection.run(`INSERT INTO ${storedSql(stored)} ${plan.query}`);
  const resource = newTableResource(service, reference, fields, withoutNulls(plan.resource));
  await service.catalog.putTable(transaction, { key: tableKey(reference), stored, resource });
  recordDdl(job, found ? 'REPLACE' : 'CREATE');
}

async function createView(service: Service, job: Job, plan: CreateViewPlan, transaction: Transaction): Promise<void> {
  const found = replaceable(service, job, plan);
  if (found === 'skip') return recordDdl(job, 'SKIP');
  const reference = referenceOf(service, plan.path, job.resource.configuration.query!);
  service.catalog.datasetIn(reference.datasetId, job.resource.jobReference.location);
  const more = { ...withoutNulls(plan.resource), type: 'VIEW', view: { query: plan.query, useLegacySql: false } };
  await service.catalog.putTable(transaction, {
    key: tableKey(reference),
    stored: undefined,
    resource: newTableResource(service, reference, plan.fields, more),
  });
  recordDdl(job, found ? 'REPLACE' : 'CREATE');
}

function replaceable(service: Service, job: Job, plan: CreatePlan | CreateViewPlan): TableEntry | 'skip' | undefined {
  const found = target(service, job, plan.path);
  if (!found) return undefined;
  if (plan.ifNotExists) return 'skip';
  if (!plan.replace) throw new ApiError('duplicate', `Already Exists: Table ${service.project}:${found.key}`);
  if (Boolean(found.stored) !== (plan.kind === 'create table')) throw invalidQuery(`${found.key} is not of the kind that replaces it`);
  return found;
}

const partitionedBy = (by: TimePartitioning | undefined) => by && `${by.type} ${by.field?.toLowerCase()}`;

const withoutNulls = (values: object) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));

/** Translates a DuckDB error to BigQuery's words, as far as they are known. */
export function queryError(error: unknown): ApiError {
  if (isApiError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  const required = /NOT NULL constraint failed: [^.]*\.(.*)/.exec(message);
  if (required) return invalidQuery(`Required field ${required[1]} cannot be null`);
  const ungrouped = /column "?([^"]*)"? must appear in the GROUP BY clause/.exec(message);
  if (ungrouped) return invalidQuery('SELECT list expression references a column which is neither grouped nor aggregated');
  return new ApiError('invalidQuery', message.replace(/^[A-Za-z ]+ Error: /, '').split('\n')[0]!, { location: 'query', cause: error });
}
