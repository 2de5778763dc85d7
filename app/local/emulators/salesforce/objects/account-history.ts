import type { Dice } from '../org/dice.ts';
import { dateBetween, flag, line, phone } from '../org/fake-values.ts';
import { field, picklist, type ReadField, SYSTEM, type Value } from '../org/field.ts';
import { recordId } from '../org/record-id.ts';
import { auditFields, idField, isDeletedField, reference } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

/** The tracked fields and their values: texts, numbers, ids, booleans and dates, all in one column. */
const TRACKED: Record<string, (dice: Dice) => Value> = {
  Phone: phone,
  Site: line,
  Owner: (dice) => recordId('005', dice.between(1, 3)),
  Active__c: (dice) => String(flag(dice)),
  Score__c: (dice) => `${dice.between(0, 9999)}.${dice.between(1, 9)}`,
  ContractEnd__c: dateBetween(2020, 2030),
  created: () => null,
};
const NAMES = Object.keys(TRACKED);

/** Previous values of account fields: rows are added and never changed, so CreatedDate is the only stamp. */
export const accountHistory = (count: number, accounts: number): ObjectDefinition => ({
  name: 'AccountHistory',
  label: 'Account History',
  labelPlural: 'Account History',
  keyPrefix: '017',
  queryable: true,
  bulk: true,
  isSimulated: true,
  onlyChanges: ['insert'],
  hasLateCommits: true,
  summary: {
    associateEntityType: 'History',
    associateParentEntity: 'Account',
    createable: false,
    deletable: false,
    feedEnabled: false,
    layoutable: false,
    mergeable: false,
    mruEnabled: false,
    searchable: false,
    triggerable: false,
    undeletable: false,
    updateable: false,
  },
  rows: count,
  children: [],
  fields: [
    idField('Account History ID'),
    isDeletedField(),
    reference('AccountId', 'Account ID', 'Account', 'Account', SYSTEM, { keyPrefix: '001', count: accounts, nullOnceIn: 0 }),
    ...auditFields(count).filter(({ facts }) => facts.name.startsWith('Created')),
    field('picklist', 'Field', 'Changed Field', { ...SYSTEM, ...picklist(NAMES) }, { make: (dice) => dice.pick(NAMES) }),
    field('picklist', 'DataType', 'Datatype', { ...SYSTEM, ...picklist(['Text', 'EntityId']) }, { derive: dataType }),
    field('anyType', 'OldValue', 'Old Value', SYSTEM, { make: trackedValue }),
    field('anyType', 'NewValue', 'New Value', SYSTEM, { make: trackedValue }),
  ],
});

function dataType(read: ReadField): Value {
  return read('Field') === 'Owner' ? 'EntityId' : 'Text';
}

function trackedValue(dice: Dice, read: ReadField): Value {
  return dice.onceIn(5) ? null : (TRACKED[String(read('Field'))]?.(dice) ?? null);
}
