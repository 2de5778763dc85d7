import { type Excerpt, fitExcerpt } from '../excerpt.ts';
import type { ColumnType, DescribedField, FieldColumn } from './columns.ts';

/** What analysts can read about a field of a job's object. */
export interface DictionaryField {
  readonly field: string;
  /** the column that it fills; null: none */
  readonly columnName: string | null;
  readonly columnType: ColumnType | null;
  /** whether the column contains hashes of the values */
  readonly hashed: boolean;
  readonly label: string;
  /** Salesforce's, with the size, for example currency(18, 2) */
  readonly type: string;
  /** the help text set by an admin */
  readonly help: string | null;
  readonly formula: string | null;
  /** the active values of a picklist; null: it is none, or a policy withholds its values */
  readonly picklist: Excerpt | null;
  /** the objects whose Ids it contains */
  readonly refersTo: Excerpt | null;
}

/** A field of a dictionary, and when the service saw it. */
export interface KnownField extends DictionaryField {
  /** when it was first described */
  readonly since: Date;
  /** when it was first missing in the object's description; null: it is not */
  readonly until: Date | null;
}

/** The dictionary of an object: all of its fields, in the order of its description. @param columns those that the fields fill */
export function dictionaryOf(fields: readonly DescribedField[], columns: readonly FieldColumn[]): DictionaryField[] {
  const byField = new Map(columns.map((column) => [column.field, column]));
  return fields.map((field) => {
    const { name, label, help, formula, refersTo } = field;
    const column = byField.get(name);
    // They are values of records: no table contains those of a field that is excluded, hashed, or awaits approval.
    const picklist = column && !column.hashed ? field.picklist : null;
    const filled = { columnName: column?.name ?? null, columnType: column?.type ?? null, hashed: column?.hashed !== undefined };
    return { field: name, ...filled, label, type: typeOf(field), help, formula, picklist, refersTo };
  });
}

/** The descriptions of the columns of a dictionary, by name in lower case. */
export function columnDescriptions(fields: readonly KnownField[]): ReadonlyMap<string, string> {
  // A field whose name changed only in case fills the column of its earlier name.
  const ordered = [...fields.filter(({ until }) => until !== null), ...fields.filter(({ until }) => until === null)];
  return new Map(ordered.flatMap((field) => (field.columnName === null ? [] : [[field.columnName.toLowerCase(), describeField(field)]])));
}

/** BigQuery's limit on a column's description. */
const MAX_DESCRIPTION = 1024;

/**
 * The description of a field's column: label, help text, the objects that it refers to, the first values of a picklist, and the Salesforce
 * type, for example "Rating. How likely they buy. Values: Hot; Warm; Cold. Salesforce: picklist(255)."
 */
function describeField({ label, help, type, picklist, refersTo, hashed, until }: KnownField): string {
  const origin = `Salesforce: ${type}.${hashed ? ' Hashed by SHA-256 with a salt.' : ''}`;
  const ended = until && `Hidden or deleted in Salesforce since ${until.toISOString().slice(0, 10)}`;
  const about = [ended, label, help].flatMap((part) => (part ? [sentence(part)] : [])).join(' ');
  const room = MAX_DESCRIPTION - origin.length - 1;
  // Not half of a character.
  let text = about.slice(0, room).replace(/[\uD800-\uDBFF]$/, '');
  for (const [name, excerpt] of [['References', refersTo] as const, ['Values', picklist] as const]) {
    const entries = excerpt && fitExcerpt(excerpt, room - text.length - name.length - 4);
    if (entries) text = [text, `${name}: ${entries}.`].join(' ');
  }
  return `${text} ${origin}`;
}

/**
 * A column's description without the values of a picklist, which end before the Salesforce type. Values may contain any text, so all that
 * follows what could be their start is left out.
 */
export function withoutValues(description: string): string {
  return description.replace(/ Values: .*(?= Salesforce: )/s, '');
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

function typeOf({ type, length, precision, scale }: DescribedField): string {
  if (precision > 0 && type !== 'multipicklist') return `${type}(${precision}, ${scale})`;
  return length > 0 ? `${type}(${length})` : type;
}
