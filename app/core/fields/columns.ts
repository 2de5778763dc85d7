import type { Excerpt } from '../excerpt.ts';

/** The types of the warehouse's columns. */
export const COLUMN_TYPES = ['STRING', 'BOOL', 'INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC', 'DATE', 'TIMESTAMP', 'TIME'] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** A column of the warehouse. */
export interface Column {
  name: string;
  type: ColumnType;
  /** for analysts; absent: it has none of its own (that of a field's column is in the job's dictionary) */
  description?: string;
}

/**
 * A column that a Salesforce field fills. Salesforce's API names are valid in BigQuery, so field and name are equal, unless the field
 * changed to a type that its original column cannot store.
 */
export interface FieldColumn extends Column {
  /** its API name: in describe, SOQL, page headers, and staging tables */
  field: string;
  /** whether Salesforce computes its value; absent: no */
  calculated?: boolean;
  /** the type as which its text is read before it is hashed, into a STRING; absent: not hashed */
  hashed?: ColumnType;
  /** distinguishes the salt of a hashed one, if it is set */
  salt?: string;
  /** the field group whose queries return it; absent: the base group */
  group?: number;
}

/** The properties of a described field that determine its column, or describe it. */
export interface DescribedField {
  name: string;
  type: string;
  label: string;
  /** the help text set by an admin */
  help: string | null;
  /** maximum characters of a text */
  length: number;
  /** digits of a number: in total, and after the decimal point */
  precision: number;
  scale: number;
  /** whether Salesforce computes its value (a formula or a roll-up) */
  calculated: boolean;
  /** whether a WHERE clause can filter by it */
  filterable: boolean;
  /** whether it may be null; Salesforce's data does not always obey a `false` */
  nillable: boolean;
  /** null: it is not a formula */
  formula: string | null;
  /** the active values of a picklist, with their labels if these differ; null: none */
  picklist: Excerpt | null;
  /** the objects whose Ids it contains; null: it is not a reference */
  refersTo: Excerpt | null;
}

/** Salesforce's field types and their column types; `undefined`: not a value of its own, so not requested. */
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
  // Values travel as IEEE doubles; a described scale governs display, not storage.
  double: () => 'FLOAT64',
  percent: () => 'FLOAT64',
  currency: decimal,
  date: () => 'DATE',
  datetime: () => 'TIMESTAMP',
  time: () => 'TIME',
  // Compound fields: their components are separate fields, and Bulk rejects the compound.
  address: undefined,
  location: undefined,
  // Salesforce returns a link, not the value.
  base64: undefined,
  complexvalue: undefined,
};

/** NUMERIC stores 29 digits before the decimal point and 9 after it. */
function decimal(field: DescribedField): ColumnType {
  return field.scale > 9 || field.precision - field.scale > 29 ? 'BIGNUMERIC' : 'NUMERIC';
}

/** The columns of an object, in the order of its fields. A field of unknown type has none, because its values might not be text. */
export function columnsOf(fields: readonly DescribedField[]): FieldColumn[] {
  return fields.flatMap((field) => {
    const choose = TYPES[field.type];
    if (!choose) return [];
    const column = { field: field.name, name: field.name, type: choose(field) };
    return [field.calculated ? { ...column, calculated: true } : column];
  });
}

/** Why no column can have the values of a Salesforce type; undefined: one can. */
export function unreadReason(type: string): string | undefined {
  if (!Object.hasOwn(TYPES, type)) return `this release does not know its type ${type}`;
  if (TYPES[type]) return undefined;
  return ['address', 'location'].includes(type)
    ? 'compound: its parts are fields of their own'
    : `a query returns no value of type ${type}`;
}

/** The fields of unknown type, each with its type. */
export function unknownFields(fields: readonly DescribedField[]): string[] {
  return fields.flatMap(({ name, type }) => (Object.hasOwn(TYPES, type) ? [] : [`${name} (${type})`]));
}
