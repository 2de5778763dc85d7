import type { Column } from '../../core/fields/columns.ts';
import type { TableField } from '../resources.ts';
import type { TableName } from '../sql/quote.ts';
import type { Warehouse } from '../warehouse.ts';
import { describedAs, newDescription, toFields } from './add-columns.ts';
import { ensureExpirations, NEVER_EXPIRES } from './expirations.ts';
import { createTable, formatTableName, getTable, patchTable } from './table.ts';

/** A view of one of a job's tables. */
export interface View {
  name: TableName;
  query: string;
  description: string;
  /** a part of each description that the service wrote */
  ours: string;
  /** the job that owns the table; stored as a label */
  jobId: string;
  /** the columns of the table */
  fields: readonly TableField[];
  /** the columns that it has beside the table's */
  adds?: readonly Column[];
}

/**
 * Creates a view, and describes it, and its columns as the table's. A view keeps the columns that its table had when it was written, so it is
 * rewritten when they change. Leaves another table or view with this name unchanged.
 * @param rewrite the table's columns may have changed
 * @returns why the view is not ours; null if it is ours
 * @throws AppError
 */
export async function ensureView(warehouse: Warehouse, wanted: View, rewrite: boolean): Promise<string | null> {
  const { name, jobId, description } = wanted;
  const view = { query: wanted.query, useLegacySql: false };
  const labels = { job: jobId };
  const columns = [...wanted.fields, ...toFields(wanted.adds ?? [])];
  const found = await getTable(warehouse, name);
  if (!found) {
    const created = await createTable(warehouse, name, { view, description, labels });
    if (created) await ensureExpirations(warehouse, name, created, NEVER_EXPIRES);
    if (created) await patchTable(warehouse, name, { schema: { fields: columns.map(toViewField) } });
    return null;
  }
  const isOurs = found.type === 'VIEW' && found.labels?.job === jobId;
  if (!isOurs) return `not ours: ${formatTableName(name)} is another ${found.type === 'VIEW' ? 'view' : 'table'}; it was left unchanged`;
  await ensureExpirations(warehouse, name, found, NEVER_EXPIRES);
  // Loses the descriptions of the columns.
  if (rewrite) await patchTable(warehouse, name, { view, labels });
  const fields = rewrite ? columns.map(toViewField) : redescribed(found.schema?.fields ?? [], columns);
  const text = newDescription(found, description, wanted.ours);
  const changes = { ...(fields && { schema: { fields } }), ...(text !== undefined && { description: text }) };
  if (Object.keys(changes).length > 0) await patchTable(warehouse, name, changes);
  return null;
}

/** The view's columns with the descriptions of the table's; undefined: they have them. */
function redescribed(found: readonly TableField[], columns: readonly TableField[]): TableField[] | undefined {
  const descriptions = new Map(columns.map(({ name, description }) => [name?.toLowerCase(), description]));
  const described = found.map((field) => describedAs(field, descriptions.get(field.name?.toLowerCase())));
  return described.some(({ description }, index) => description !== found[index]?.description) ? described : undefined;
}

function toViewField({ name, type, mode, description, fields }: TableField): object {
  // A view requires no column.
  return { name, type, mode: mode === 'REPEATED' ? mode : 'NULLABLE', description, fields };
}
