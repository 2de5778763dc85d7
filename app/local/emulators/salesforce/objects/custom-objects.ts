import { dateBetween, oneOf, orNull, text } from '../org/fake-values.ts';
import { field, picklist } from '../org/field.ts';
import { auditFields, idField, isDeletedField, ownerField } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';
const STAGES = ['New', 'Active', 'Done'];

/** Such as an org that grew for years has: hundreds of small custom objects, `Ledger_0001__c` and so on, with one to five rows each. */
export function customObjects(count: number): ObjectDefinition[] {
  return Array.from({ length: count }, (_, index) => customObject(index));
}

function customObject(index: number): ObjectDefinition {
  const number = String(index + 1).padStart(4, '0');
  const rows = 1 + (index % 5);
  return {
    name: `Ledger_${number}__c`,
    label: `Ledger ${number}`,
    labelPlural: `Ledgers ${number}`,
    keyPrefix: keyPrefix(index),
    queryable: true,
    bulk: true,
    isSimulated: true,
    onlyChanges: [],
    rows,
    children: [],
    fields: [
      idField('Record ID'),
      ownerField('Owner ID'),
      isDeletedField(),
      field('string', 'Name', 'Name', { length: 80, nameField: true }, { make: text }),
      field('date', 'Due__c', 'Due', { custom: true }, { make: orNull(4, dateBetween(2022, 2024)) }),
      field('picklist', 'Stage__c', 'Stage', { ...picklist(STAGES), custom: true }, { make: oneOf(STAGES) }),
      ...auditFields(rows),
    ],
  };
}

/** From b00 on, beside those of the objects without rows. */
function keyPrefix(index: number): string {
  const digit = (place: number): string => DIGITS[Math.floor(index / place) % 36]!;
  return `${DIGITS[11 + Math.floor(index / 1_296)]}${digit(36)}${digit(1)}`;
}
