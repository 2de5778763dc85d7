// Calculated fields that can be added to any object. No stamp moves when their values change.
import type { ReadField, Value, World } from './field.ts';

export type Formula =
  /** A field of the record that a reference names, such as Account.Name: changes with the parent. */
  | { of: 'parent'; reference: string; field: string }
  /** The whole days since a date such as 2023-03-01: changes with time. */
  | { of: 'today'; since: string }
  /** A roll-up summary of the records that refer to this one: their number, or the sum of a field. */
  | { of: 'children'; object: string; reference: string; sum?: string };

const DAY_MS = 86_400_000;

/** The formula as describe shows it; a roll-up summary is calculated without one. */
export function formulaText(formula: Formula): string | null {
  if (formula.of === 'parent') return `${formula.reference.replace(/Id$/, '').replace(/__c$/, '__r')}.${formula.field}`;
  if (formula.of === 'today') return `TODAY() - DATE(${formula.since.split('-').map(Number).join(', ')})`;
  if (formula.of === 'children') return null;
  throw new Error('Unknown formula. Use parent, today or children.');
}

/** Computes the formula for a row. */
export function formulaValue(formula: Formula): (read: ReadField, world: World) => Value {
  if (formula.of === 'parent') return (read, world) => world.lookUp(read(formula.reference), formula.field);
  if (formula.of === 'today') return (_read, world) => Math.floor((world.now().getTime() - Date.parse(formula.since)) / DAY_MS);
  const { object, reference, sum } = formula;
  return (read, world) => {
    const children = world.children(object, reference, read('Id'));
    return sum === undefined ? children.length : children.reduce((total, child) => total + Number(child(sum) ?? 0), 0);
  };
}
