import { field, picklist, SYSTEM } from '../org/field.ts';
import { auditFields, GROUP_COUNT } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

const QUEUES = ['Support, "first line"', 'Leads – D/A/CH'];

/** Queues, which can own cases and leads like users. */
export const group: ObjectDefinition = {
  name: 'Group',
  label: 'Group',
  labelPlural: 'Groups',
  keyPrefix: '00G',
  queryable: true,
  bulk: true,
  isSimulated: false,
  rows: GROUP_COUNT,
  children: [],
  fields: [
    field('id', 'Id', 'Group ID', SYSTEM),
    field('string', 'Name', 'Name', { length: 40, nameField: true }, { make: (_dice, _read, ordinal) => QUEUES[ordinal] ?? null }),
    field('picklist', 'Type', 'Type', { ...SYSTEM, ...picklist(['Regular', 'Queue']) }, { derive: () => 'Queue' }),
    field('email', 'Email', 'Email'),
    ...auditFields(GROUP_COUNT),
  ],
};
