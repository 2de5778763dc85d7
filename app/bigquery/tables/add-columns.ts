import type { Column } from '../../core/fields/columns.ts';
import { OUR_NAME } from '../../core/fields/table-description.ts';
import type { Table, TableField } from '../resources.ts';
import type { TableName } from '../sql/quote.ts';
import type { Warehouse } from '../warehouse.ts';
import { patchTable } from './table.ts';

/** What analysts read about a table or view. */
export interface Descriptions {
  /** of the table itself; undefined: as it is */
  table?: string;
  /** of its columns, by name in lower case: those of columns that have none of their own */
  columns?: ReadonlyMap<string, string>;
}

/**
 * Adds the columns that a table or view lacks, and describes it and its columns as given, in one patch if anything differs. Changes no type and
 * drops nothing: the patch contains the whole schema as found, with the policy tags of columns.
 * @param found the table as BigQuery last described it
 * @returns whether it changed anything
 * @throws AppError
 */
export async function addColumns(
  warehouse: Warehouse,
  name: TableName,
  found: Table,
  columns: readonly Column[],
  descriptions: Descriptions = {},
): Promise<boolean> {
  const fields = found.schema?.fields ?? [];
  const known = new Set(fields.map((field) => field.name?.toLowerCase()));
  const added = columns.filter((column) => !known.has(column.name.toLowerCase()));
  const described = describeFields(fields, columns, descriptions);
  const schema = described || added.length > 0 ? [...(described ?? fields), ...toFields(added, descriptions)] : undefined;
  const description = newDescription(found, descriptions.table);
  if (!schema && description === undefined) return false;
  await patchTable(warehouse, name, { ...(schema && { schema: { fields: schema } }), ...(description !== undefined && { description }) });
  return true;
}

/** The fields with their descriptions; undefined: they have them. */
function describeFields(fields: readonly TableField[], columns: readonly Column[], descriptions: Descriptions): TableField[] | undefined {
  const wanted = new Map(columns.map((column) => [column.name.toLowerCase(), column.description]));
  const described = fields.map((field) => {
    const name = field.name!.toLowerCase();
    return describedAs(field, wanted.get(name) ?? descriptions.columns?.get(name) ?? field.description);
  });
  return described.some((field, index) => field.description !== fields[index]?.description) ? described : undefined;
}

/** A column with this description. */
export function describedAs({ description: _, ...field }: TableField, description: string | undefined): TableField {
  return description === undefined ? field : { ...field, description };
}

/**
 * The description of a table or view, if it must be replaced: one that a user wrote stays.
 * @param ours a part of each that the service wrote
 */
export function newDescription(found: Table, description: string | undefined, ours = OUR_NAME): string | undefined {
  if (description === undefined || description === found.description) return undefined;
  return !found.description || found.description.includes(ours) ? description : undefined;
}

/** The columns of a new table. Only Id is always present: Salesforce's "not nillable" is unreliable. */
export function toFields(columns: readonly Column[], descriptions: Descriptions = {}): TableField[] {
  return columns.map(({ name, type, description = descriptions.columns?.get(name.toLowerCase()) }) => ({
    name,
    type,
    mode: name === 'Id' ? 'REQUIRED' : 'NULLABLE',
    ...(description !== undefined && { description }),
  }));
}
