// Columns that tables.patch and ALTER TABLE may add, relax or widen.
import { ApiError, invalidQuery } from '../rest/api-error.ts';
import { type AlterationPlan, fieldOfDefinition } from '../sql/plan.ts';
import { sameName } from '../sql/scope.ts';
import type { Place } from '../sql/tree.ts';
import { type Field, fieldOf, quoted, sameType, storedAs, typeOfField, typeText } from './column-type.ts';
import type { Transaction } from './database.ts';
import { changedPartitioning } from './partitions.ts';
import { isRequired, storedSql, type TableConstraints, type TableEntry } from './table.ts';

const FORBIDDEN_PREFIX =
  /^(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP)/i;

/** Settings that would change which values a column accepts. */
const UNKNOWN_SETTINGS = ['maxLength', 'precision', 'scale', 'defaultValueExpression', 'collation'];

const MAX_DESCRIPTION = 1024;

/** The fields, each with a name, a type and a mode that BigQuery accepts. */
export function checkFields(fields: Field[]): Field[] {
  for (const [index, field] of fields.entries()) {
    checkName(field.name);
    typeOfField(field);
    for (const setting of UNKNOWN_SETTINGS)
      if (setting in field) throw new ApiError('invalid', `The local BigQuery does not support ${setting} of a field (${field.name})`);
    if ((field.description ?? '').length > MAX_DESCRIPTION)
      throw new ApiError('invalid', `The description of field ${field.name} is longer than ${MAX_DESCRIPTION} characters.`);
    if (fields.findIndex((other) => sameName(other.name, field.name)) < index) {
      throw new ApiError('invalid', `Field ${field.name} already exists in schema`);
    }
  }
  return fields.map((field) => normalized(field));
}

/** Normalized as in responses: INTEGER for INT64, always with a mode. */
function normalized(field: Field): Field {
  const spelled = fieldOf(field.name, typeOfField(field));
  const mode = isRequired(field) ? 'REQUIRED' : spelled.mode!;
  const description = field.description === undefined ? {} : { description: field.description };
  return { ...spelled, mode, ...description, ...(field.policyTags?.names?.length ? { policyTags: field.policyTags } : {}) };
}

/** Throws unless the columns of the primary key exist. The emulator keeps no other constraint. */
export function checkPrimaryKey(constraints: TableConstraints | null | undefined, fields: Field[]): void {
  if (constraints?.foreignKeys) throw new ApiError('invalid', 'The local BigQuery does not support foreign keys');
  for (const column of constraints?.primaryKey?.columns ?? [])
    if (!fields.some((field) => sameName(field.name, column)))
      throw new ApiError('invalid', `Column ${column} of the primary key cannot be found in the schema`);
}

function checkName(name: string): void {
  if (!/^[\p{L}\p{M}\p{N}_&%=+:'<>#| -]{1,300}$/u.test(name ?? '')) throw new ApiError('invalid', `Invalid field name "${name}".`);
  if (FORBIDDEN_PREFIX.test(name))
    throw new ApiError('invalid', `Invalid field name "${name}". Field names are not allowed to start with the reserved prefix`);
}

/** tables.patch with a schema: it must be complete, in the table's order, with new columns anywhere after. */
export async function changeSchema(transaction: Transaction, entry: TableEntry, wanted: Field[], project: string): Promise<Field[]> {
  const before = entry.resource.schema.fields;
  const mismatch = (why: string) => new ApiError('invalid', `Provided Schema does not match Table ${project}:${entry.key}. ${why}`);
  const checked = checkFields(wanted);
  for (const old of before)
    if (!checked.some((field) => sameName(field.name, old.name))) throw mismatch(`Field ${old.name} is missing in new schema`);
  for (const field of checked) {
    const old = before.find((each) => sameName(each.name, field.name));
    if (!old) await addColumn(transaction, entry, field);
    else if (!sameType(typeOfField(old), typeOfField(field)))
      throw mismatch(`Field ${old.name} has changed type from ${old.type} to ${field.type}`);
    else if (isRequired(field) && !isRequired(old)) throw mismatch(`Field ${old.name} has changed mode from NULLABLE to REQUIRED`);
    else if (isRequired(old) && !isRequired(field)) await alter(transaction, entry, `ALTER COLUMN ${quoted(old.name)} DROP NOT NULL`);
  }
  const kept = before.map((old) => ({ ...checked.find((field) => sameName(field.name, old.name))!, name: old.name }));
  return [...kept, ...checked.filter((field) => !before.some((old) => sameName(old.name, field.name)))];
}

async function addColumn(transaction: Transaction, entry: TableEntry, field: Field): Promise<void> {
  if (isRequired(field)) throw new ApiError('invalid', `Cannot add required field ${field.name} to an existing schema`);
  checkName(field.name);
  await alter(transaction, entry, `ADD COLUMN ${quoted(field.name)} ${storedAs(typeOfField(field))}`);
}

async function alter(transaction: Transaction, entry: TableEntry, change: string): Promise<void> {
  await transaction.connection.run(`ALTER TABLE ${storedSql(entry.stored!)} ${change}`);
}

/** From → the types that SET DATA TYPE can change it to. */
const WIDER: Record<string, string[]> = { INT64: ['NUMERIC', 'BIGNUMERIC', 'FLOAT64'], NUMERIC: ['BIGNUMERIC', 'FLOAT64'] };

/** The table's resource after one ALTER TABLE. */
export async function alterTable(transaction: Transaction, entry: TableEntry, alterations: AlterationPlan[]): Promise<TableEntry> {
  let changed = entry;
  for (const alteration of alterations) changed = await applyAlteration(transaction, changed, alteration);
  return changed;
}

async function applyAlteration(transaction: Transaction, entry: TableEntry, alteration: AlterationPlan): Promise<TableEntry> {
  const { fields } = entry.resource.schema;
  const withFields = (changed: Field[]) => ({ ...entry, resource: { ...entry.resource, schema: { fields: changed } } });
  if (alteration.kind === 'set options') {
    const { partitionExpirationMs, ...given } = alteration.resource;
    const options = Object.entries({ ...given, ...partitionExpiry(entry, partitionExpirationMs) });
    const kept = Object.entries(entry.resource).filter(([name]) => !options.some(([option]) => option === name));
    const set = options.filter(([, value]) => value !== null);
    return { ...entry, resource: Object.fromEntries([...kept, ...set]) as unknown as TableEntry['resource'] };
  }
  const name = alteration.kind === 'add column' ? alteration.column.name : alteration.name;
  const old = fields.find((field) => sameName(field.name, name));
  if (alteration.kind === 'add column') {
    if (old && alteration.ifNotExists) return entry;
    if (old) throw invalidQuery(`Column already exists: ${name}`, alteration.place);
    const field = fieldOfDefinition(alteration.column);
    if (isRequired(field)) throw invalidQuery(`Cannot add required column ${name} to an existing table`, alteration.place);
    await addColumn(transaction, entry, field);
    return withFields([...fields, field]);
  }
  if (!old && alteration.kind === 'drop column' && alteration.ifExists) return entry;
  if (!old) throw invalidQuery(`Column not found: ${name}`, alteration.place);
  if (alteration.kind === 'drop column') {
    refuseIfPartitioned(entry, old.name, alteration.place);
    await alter(transaction, entry, `DROP COLUMN ${quoted(old.name)}`);
    return withFields(fields.filter((field) => field !== old));
  }
  const changed = (change: Partial<Field>) => withFields(fields.map((field) => (field === old ? { ...field, ...change } : field)));
  if (alteration.kind === 'describe') {
    const { description: _, ...rest } = old;
    return alteration.description === undefined
      ? withFields(fields.map((field) => (field === old ? rest : field)))
      : changed({ description: alteration.description });
  }
  if (alteration.kind === 'drop not null') {
    if (isRequired(old)) await alter(transaction, entry, `ALTER COLUMN ${quoted(old.name)} DROP NOT NULL`);
    return changed({ mode: 'NULLABLE' });
  }
  const [from, to] = [typeText(typeOfField(old)), typeText(alteration.type)];
  if (from !== to && !WIDER[from]?.includes(to))
    throw invalidQuery(`ALTER COLUMN SET DATA TYPE cannot change ${name} from ${from} to ${to}`, alteration.place);
  await alter(transaction, entry, `ALTER COLUMN ${quoted(old.name)} SET DATA TYPE ${storedAs(alteration.type)}`);
  return changed({ type: fieldOf(old.name, alteration.type).type });
}

function partitionExpiry({ resource }: TableEntry, expirationMs: string | null | undefined): object {
  if (expirationMs === undefined) return {};
  const partitioning = resource.timePartitioning;
  if (!partitioning) throw invalidQuery('Option partition_expiration_days needs a table that is partitioned');
  return { timePartitioning: changedPartitioning(partitioning, { ...partitioning, expirationMs }) };
}

function refuseIfPartitioned({ resource: { timePartitioning, clustering } }: TableEntry, column: string, place: Place): void {
  const used = [timePartitioning?.field, ...(clustering?.fields ?? [])];
  if (used.some((name) => sameName(name, column)))
    throw invalidQuery(`Column ${column} cannot be dropped: the table is partitioned or clustered by it`, place);
}
