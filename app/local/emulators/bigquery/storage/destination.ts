// The table that a load or query job writes to: an existing one, or a new one.
import { ApiError } from '../rest/api-error.ts';
import type { Service } from '../service.ts';
import { sameName } from '../sql/scope.ts';
import { type Field, sameType, typeOfField } from './column-type.ts';
import { queryRows, type Transaction } from './database.ts';
import { newTableResource } from './new-table.ts';
import { checkPartitioning } from './partitions.ts';
import { checkFields } from './schema-change.ts';
import { isRequired, storedSql, type TableEntry, tableKey } from './table.ts';

export interface Dispositions {
  createDisposition?: string;
  writeDisposition?: string;
}

const WRITES = ['WRITE_APPEND', 'WRITE_TRUNCATE', 'WRITE_TRUNCATE_DATA', 'WRITE_EMPTY'];

/** The table, ready for rows with these fields. `fields` absent: those of the table. */
export async function openDestination(
  service: Service,
  transaction: Transaction,
  reference: { datasetId: string; tableId: string },
  fields: Field[] | undefined,
  { createDisposition = 'CREATE_IF_NEEDED', writeDisposition = 'WRITE_APPEND' }: Dispositions,
): Promise<TableEntry> {
  if (!WRITES.includes(writeDisposition)) throw new ApiError('invalid', `Invalid value for writeDisposition: ${writeDisposition}`);
  const name = `${service.project}:${tableKey(reference)}`;
  const found = service.catalog.findTable(reference);
  if (!found) {
    if (createDisposition === 'CREATE_NEVER') throw new ApiError('notFound', `Not found: Table ${name}`);
    if (!fields) throw new ApiError('invalid', `No schema specified on job or table.`);
    return newTable(service, transaction, reference, fields);
  }
  if (!found.stored) throw new ApiError('invalid', `Cannot write to ${name}: it is a view`);
  const empty = writeDisposition !== 'WRITE_EMPTY' || (await isEmpty(transaction, found));
  if (!empty) throw new ApiError('duplicate', `Already Exists: Table ${name}`);
  if (writeDisposition === 'WRITE_TRUNCATE' && fields) {
    const schema = { fields: checkFields(fields) };
    checkPartitioning(found.resource, schema.fields);
    return { ...(await newTable(service, transaction, reference, fields)), resource: { ...found.resource, schema } };
  }
  checkMatch(found, fields, name);
  if (writeDisposition.startsWith('WRITE_TRUNCATE')) await transaction.connection.run(`DELETE FROM ${storedSql(found.stored)}`);
  return found;
}

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

/** The given fields must be in the table, which may have more if those are nullable. */
function checkMatch(entry: TableEntry, fields: Field[] | undefined, name: string): void {
  if (!fields) return;
  const mismatch = (why: string) => new ApiError('invalid', `Provided Schema does not match Table ${name}. ${why}`);
  for (const field of checkFields(fields)) {
    const there = entry.resource.schema.fields.find((each) => sameName(each.name, field.name));
    if (!there) throw mismatch(`Cannot add fields (field: ${field.name})`);
    if (!sameType(typeOfField(there), typeOfField(field)))
      throw mismatch(`Field ${there.name} has changed type from ${there.type} to ${field.type}`);
  }
  for (const there of entry.resource.schema.fields) {
    if (isRequired(there) && !fields.some((field) => sameName(field.name, there.name)))
      throw mismatch(`Field ${there.name} is missing in new schema`);
  }
}
