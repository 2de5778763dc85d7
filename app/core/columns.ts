/** The types of the warehouse's columns. */
export type ColumnType = 'STRING' | 'BOOL' | 'INT64' | 'FLOAT64' | 'NUMERIC' | 'BIGNUMERIC' | 'DATE' | 'TIMESTAMP' | 'TIME';

/** A column of the warehouse. */
export interface Column {
  name: string;
  type: ColumnType;
  /** what an analyst may read of the field; absent for our own columns */
  description?: string;
}

/**
 * A column that a Salesforce field fills. Salesforce's API names are legal in BigQuery, so that field and name are the same text, but where
 * the field has had a type that its column cannot hold.
 */
export interface FieldColumn extends Column {
  /** its API name: in describe, in SOQL, in the pages' headers and the staging tables */
  field: string;
  /** whether Salesforce computes its value; absent: it does not */
  calculated?: boolean;
  /** the field group whose queries return it; absent: the base group */
  group?: number;
}

/** What of a described field the choice needs. */
export interface DescribedField {
  name: string;
  type: string;
  label: string;
  /** the help text that an admin gave it */
  help: string | null;
  /** characters of a text */
  length: number;
  /** digits of a number: all, and those after the point */
  precision: number;
  scale: number;
  /** whether Salesforce computes its value: a formula, a roll-up */
  calculated: boolean;
  /** whether a WHERE clause may name it */
  filterable: boolean;
  /** whether a row may have no value; Salesforce's word for it is not to be relied on for data */
  nillable: boolean;
}

/** Salesforce's field types and the columns they become; `undefined`: not a value of its own, so not asked for. */
const TYPES: Record<string, ((field: DescribedField) => ColumnType) | undefined> = {
  id: () => 'STRING',
  reference: () => 'STRING',
  masterrecord: () => 'STRING',
  string: () => 'STRING',
  picklist: () => 'STRING',
  multipicklist: () => 'STRING',
  combobox: () => 'STRING',
  email: () => 'STRING',
  phone: () => 'STRING',
  url: () => 'STRING',
  textarea: () => 'STRING',
  encryptedstring: () => 'STRING',
  anyType: () => 'STRING',
  json: () => 'STRING',
  DataCategoryGroupReference: () => 'STRING',
  boolean: () => 'BOOL',
  int: () => 'INT64',
  long: () => 'INT64',
  // The wire carries IEEE doubles, and a described scale is a display promise, not a storage one.
  double: () => 'FLOAT64',
  percent: () => 'FLOAT64',
  currency: decimal,
  date: () => 'DATE',
  datetime: () => 'TIMESTAMP',
  time: () => 'TIME',
  // Compound parents: their parts are fields of their own, and Bulk refuses the parents.
  address: undefined,
  location: undefined,
  // Not a value but a link to one.
  base64: undefined,
  complexvalue: undefined,
};

/** NUMERIC holds 29 digits before the point and 9 after it. */
function decimal(field: DescribedField): ColumnType {
  return field.scale > 9 || field.precision - field.scale > 29 ? 'BIGNUMERIC' : 'NUMERIC';
}

/** The columns of an object, in the order of its fields. A type that nobody has told us of has none, since its values might not be text. */
export function columnsOf(fields: readonly DescribedField[]): FieldColumn[] {
  return fields.flatMap((field) => {
    const choose = TYPES[field.type];
    if (!choose) return [];
    const column = { field: field.name, name: field.name, type: choose(field), description: describeField(field) };
    return [field.calculated ? { ...column, calculated: true } : column];
  });
}

/** Fields of a type that nobody has told us of, each with its type. */
export function unknownFields(fields: readonly DescribedField[]): string[] {
  return fields.flatMap(({ name, type }) => (Object.hasOwn(TYPES, type) ? [] : [`${name} (${type})`]));
}

/** BigQuery's limit on a column's description. */
const MAX_DESCRIPTION = 1024;

/** Label, help text and Salesforce type, such as "Amount. What the customer pays a year. Salesforce: currency(18, 2)." */
function describeField({ label, help, type, length, precision, scale }: DescribedField): string {
  const size = precision > 0 && type !== 'multipicklist' ? `(${precision}, ${scale})` : length > 0 ? `(${length})` : '';
  const origin = ` Salesforce: ${type}${size}.`;
  const text = [label, help].flatMap((part) => (part ? [part.trim().replace(/\.?$/, '.')] : [])).join(' ');
  return text.slice(0, MAX_DESCRIPTION - origin.length) + origin;
}
