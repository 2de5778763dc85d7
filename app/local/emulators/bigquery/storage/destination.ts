// The table that a load or query job writes to: an existing one, or a new one.
import { ApiError } from '../rest/api-error.ts';
import type { Service } from '../service.ts';
import { sameName } from '../sql/scope.ts';
import { type Field, quoted, sameType, typeOfField } from './column-type.ts';
import { queryRows, type Transaction } from './database.ts';
import { newTableResource } from './new-table.ts';
import { checkPartitioning } from './partitions.ts';
import { filtersOf, requireAllRows } from './row-access.ts';
import { checkFields } from './schema-change.ts';
import { isRequired, storedSql, type TableEntry, tableKey } from './table.ts';

export interface Dispositions {
  createDisposition?: string;
  writeDisposition?: string;
  schemaUpdateOptions?: string[];
}

const CREATES = ['CREATE_IF_NEEDED', 'CREATE_NEVER'];
const WRITES = ['WRITE_APPEND', 'WRITE_TRUNCATE', 'WRITE_TRUNCATE_DATA', 'WRITE_EMPTY'];

/** The table, ready for rows with these fields. `fields` absent: those of the table. */
export async function openDestination(
  service: Service,
  transaction: Transaction,
  reference: { datasetId: string; tableId: string },
  fields: Field[] | undefined,
  { createDisposition = 'CREATE_IF_NEEDED', writeDisposition = 'WRITE_APPEND', schemaUpdateOptions = [] }: Dispositions,
): Promise<TableEntry> {
  if (!CREATES.includes(createDisposition)) throw new ApiError('invalid', `Invalid value for createDisposition: ${createDisposition}`);
  if (!WRITES.includes(writeDisposition)) throw new ApiError('invalid', `Invalid value for writeDisposition: ${writeDisposition}`);
  const name = `${service.project}:${tableKey(reference)}`;
  const found = service.catalog.findTable(reference);
  if (!found) {
    if (createDisposition === 'CREATE_NEVER') throw new ApiError('notFound', `Not found: Table ${name}`);
    if (!fields) throw new ApiError('invalid', `No schema specified on job or table.`);
    return newTable(service, transaction, reference, fields);
  }
  if (!found.stored) throw new ApiError('invalid', `Cannot write to ${name}: it is a view`);
  if (writeDisposition.startsWith('WRITE_TRUNCATE')) requireAllRows(found.key, filtersOf(found.policies));
  const empty = writeDisposition !== 'WRITE_EMPTY' || (await isEmpty(transaction, found));
  if (!empty) throw new ApiError('duplicate', `Already Exists: Table ${name}`);
  if (writeDisposition === 'WRITE_TRUNCATE' && fields) {
    const schema = { fields: checkFields(fields) };
    checkPartitioning(found.resource, schema.fields);
    const { tableConstraints: _, ...resource } = found.resource;
    return { ...(await newTable(service, transaction, reference, fields)), resource: { ...resource, schema } };
  }
  const mayRelax = schemaUpdateOptions.includes('ALLOW_FIELD_RELAXATION');
  checkMatch(found, fields, name, mayRelax);
  const after = mayRelax && fields ? relaxed(found, fields) : found;
  // The rows are replaced by another stored table: until the commit, the job itself and other queries read the old one.
  if (writeDisposition.startsWith('WRITE_TRUNCATE'))
    return { ...after, stored: await service.catalog.createStored(transaction, after.resource.schema.fields) };
  for (const { name: column } of relaxedFields(found, after))
    await transaction.connection.run(`ALTER TABLE ${storedSql(found.stored)} ALTER COLUMN ${quoted(column)} DROP NOT NULL`);
  return after;
}

/** The table with the REQUIRED columns that the given fields leave out, or have as NULLABLE, made NULLABLE. */
function relaxed(entry: TableEntry, given: Field[]): TableEntry {
  const isGivenRequired = (name: string) => given.some((field) => sameName(field.name, name) && isRequired(field));
  const fields = entry.resource.schema.fields.map((field) =>
    isRequired(field) && !isGivenRequired(field.name) ? { ...field, mode: 'NULLABLE' } : field,
  );
  return { ...entry, resource: { ...entry.resource, schema: { fields } } };
}

const relaxedFields = (before: TableEntry, after: TableEntry) =>
  before.resource.schema.fields.filter((field, index) => isRequired(field) && !isRequired(after.resource.schema.fields[index]!));

async function newTable(
  service: Service,
  transaction: Transaction,
  reference: { datasetId: string; tableId: string },
  fields: Field[],
): Promise<TableEntry> {
  const checked = checkFields(fields);
  const stored = await service.catalog.createStored(transaction, checked);
  return { key: tableKey(reference), stored, resource: newTableResource(service, reference, checked, {}) };
}

async function isEmpty({ connection }: Transaction, entry: TableEntry): Promise<boolean> {
  return (await queryRows(connection, `SELECT 1 FROM ${storedSql(entry.stored!)} LIMIT 1`)).length === 0;
}

/**
 * The given fields must be in the table, with its types; the columns that they leave out must be NULLABLE.
 * A NULLABLE field does not fit a REQUIRED column, whatever its values, and every column of a query's result is NULLABLE.
 */
function checkMatch(entry: TableEntry, fields: Field[] | undefined, name: string, mayRelax: boolean): void {
  if (!fields) return;
  const mismatch = (why: string) => new ApiError('invalid', `Provided Schema does not match Table ${name}. ${why}`);
  const given = checkFields(fields);
  for (const field of given) {
    const there = entry.resource.schema.fields.find((each) => sameName(each.name, field.name));
    if (!there) throw mismatch(`Cannot add fields (field: ${field.name})`);
    if (!sameType(typeOfField(there), typeOfField(field)))
      throw mismatch(`Field ${there.name} has changed type from ${there.type} to ${field.type}`);
  }
  for (const there of mayRelax ? [] : entry.resource.schema.fields.filter(isRequired)) {
    const field = given.find((each) => sameName(each.name, there.name));
    if (!field) throw mismatch(`Field ${there.name} is missing in new schema`);
    if (!isRequired(field)) throw mismatch(`Field ${there.name} has changed mode from REQUIRED to ${field.mode}`);
  }
}
