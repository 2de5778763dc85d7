import { type Classification, type Field, type FieldFacts, type FieldType, field, isFieldType, SYSTEM, type Value } from './field.ts';
import { type Formula, formulaText, formulaValue } from './formula.ts';
import type { Table } from './table.ts';

/** A change that an admin makes to a field. */
export interface FieldChange {
  field: string;
  /**
   * `hide` and `show` are field-level security; `add` creates a field; `retype` changes its type or other facts; `rename` its name; `classify`
   * says how sensitive its data is.
   */
  change: 'hide' | 'show' | 'add' | 'retype' | 'rename' | 'classify';
  /** The new name of a renamed field. */
  name?: string;
  /** The type of an added or retyped field. */
  type?: FieldType;
  /** More facts, such as `length`, `precision` or `label`. */
  facts?: Partial<FieldFacts>;
  /** The value of an added field in every row: no stamp moves for it. */
  value?: Value;
  /** Of a classified field. */
  classification?: Classification;
  /** Makes an added field a calculated one. */
  formula?: Formula;
}

/** Applies a change. Throws if it is invalid. */
export function changeField(table: Table, change: FieldChange): void {
  const before = table.field(change.field);
  if (change.change === 'add') table.putField(added(table, change));
  else if (!before) throw new Error(`${table.definition.name} has no field ${change.field}.`);
  else if (change.change === 'retype') table.putField(retyped(before, change));
  else if (change.change === 'rename') rename(table, change);
  else if (change.change === 'classify') table.putField({ ...before, classification: change.classification ?? {} });
  else if (change.change === 'hide' || change.change === 'show') table.putField({ ...before, hidden: change.change === 'hide' });
  else throw new Error('Unknown change. Use hide, show, add, retype, rename or classify.');
}

function rename(table: Table, { field: before, name }: FieldChange): void {
  if (!name) throw new Error('The new name is missing. Set name.');
  // The org changes rows by field name, and standard fields cannot be renamed.
  if (table.definition.fields.some(({ facts }) => facts.name === before)) throw new Error('Only added fields can be renamed.');
  const other = table.fields.find(({ facts }) => facts.name !== before && facts.name.toLowerCase() === name.toLowerCase());
  if (other) throw new Error(`${table.definition.name} already has a field ${other.facts.name}.`);
  table.renameField(before, name);
}

function added(table: Table, change: FieldChange): Field {
  if (table.field(change.field)) throw new Error(`${table.definition.name} already has a field ${change.field}.`);
  const { value = null, formula } = change;
  if (formula) {
    const calculated = { ...SYSTEM, permissionable: true, calculated: true, calculatedFormula: formulaText(formula) };
    return field(typeOf(change), change.field, labelOf(change), { ...calculated, ...change.facts }, { derive: formulaValue(formula) });
  }
  return field(typeOf(change), change.field, labelOf(change), change.facts, value === null ? {} : { derive: () => value });
}

function retyped(before: Field, change: FieldChange): Field {
  const type = typeOf(change);
  const { facts } = field(type, change.field, labelOf(change, before.facts.label), change.facts);
  return { ...before, facts, convert: (value) => converted(value, facts) };
}

const FORMS: Record<string, RegExp> = {
  'xsd:date': /^\d{4,}-\d\d-\d\d/,
  'xsd:dateTime': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  'xsd:time': /^\d\d:\d\d:\d\d\.\d{3}Z$/,
};

/** Converts a value: text stays as it was, and becomes null if the new type cannot store it. */
function converted(value: Value, { soapType }: FieldFacts): Value {
  if (soapType === 'xsd:boolean') return value === true || value === 'true';
  if (value === null) return null;
  if (soapType === 'xsd:string') return String(value);
  const number = Number(value);
  if (soapType === 'xsd:double') return Number.isNaN(number) ? null : number;
  if (soapType === 'xsd:int') return Number.isNaN(number) ? null : Math.trunc(number);
  const form = FORMS[soapType];
  return form ? (form.exec(String(value))?.[0] ?? null) : value;
}

function typeOf({ type }: FieldChange): FieldType {
  if (!isFieldType(type)) throw new Error(`Unknown field type ${type}.`);
  return type;
}

function labelOf({ field: name, facts }: FieldChange, before?: string): string {
  return facts?.label ?? before ?? name.replace(/__c$/, '').replaceAll('_', ' ');
}
