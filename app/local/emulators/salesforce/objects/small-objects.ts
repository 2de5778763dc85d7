import { type Field, field, SYSTEM } from '../org/field.ts';
import { auditFields, idField, isDeletedField, reference } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

const STATUSES: Record<string, string[]> = {
  CaseStatus: ['New', 'Working', 'Escalated', 'Closed'],
  TaskStatus: ['Not Started', 'In Progress', 'Completed'],
};
const APPS = ['Sales', 'Service', 'Marketing', 'Bolt, "Solutions"', 'Sales Console'];
/** The id that every row of a virtual object has. */
const NO_ID = '000000000000000AAA';

/** A status object: REST can query it, Bulk rejects it. */
export function statusObject(name: 'CaseStatus' | 'TaskStatus', keyPrefix: string): ObjectDefinition {
  const values = STATUSES[name] ?? [];
  const closed = values.at(-1);
  return {
    queryable: true,
    isSimulated: false,
    children: [],
    name,
    label: name.replace('Status', ' Status Value'),
    labelPlural: name.replace('Status', ' Status Values'),
    keyPrefix,
    rows: values.length,
    bulk: false,
    fields: [
      idField(`${name} ID`),
      field('string', 'MasterLabel', 'Master Label', { ...SYSTEM, nameField: true }, fromList(values)),
      field('string', 'ApiName', 'API Name', SYSTEM, { derive: (read) => read('MasterLabel') }),
      field('int', 'SortOrder', 'Sort Order', SYSTEM, { make: (_dice, _read, ordinal) => ordinal + 1 }),
      field('boolean', 'IsDefault', 'Is Default', SYSTEM, { make: (_dice, _read, ordinal) => ordinal === 0 }),
      field('boolean', 'IsClosed', 'Is Closed', SYSTEM, { derive: (read) => read('MasterLabel') === closed }),
      ...auditFields(values.length),
    ],
  };
}

/** A virtual object: no stamps, and the same Id in every row. */
export const appDefinition: ObjectDefinition = {
  name: 'AppDefinition',
  label: 'App Definition',
  labelPlural: 'App Definitions',
  keyPrefix: '06m',
  queryable: true,
  bulk: true,
  isSimulated: false,
  rows: APPS.length,
  children: [],
  fields: [
    field('id', 'Id', 'App Definition ID', SYSTEM, { derive: () => NO_ID }),
    field('string', 'DurableId', 'Durable ID', SYSTEM, { make: (_dice, _read, ordinal) => `06m5e000000app${ordinal}` }),
    field('string', 'Label', 'Label', SYSTEM, fromList(APPS)),
    field('string', 'MasterLabel', 'Master Label', SYSTEM, fromList(APPS)),
    field('string', 'NamespacePrefix', 'Namespace Prefix', { ...SYSTEM, length: 15 }),
    field('string', 'DeveloperName', 'Developer Name', SYSTEM, { derive: (read) => String(read('Label')).replace(/\W+/g, '') }),
    field('boolean', 'IsNavTabPersonalizationDisabled', 'Is Navigation Personalization Disabled', SYSTEM),
  ],
};

/** Links files to records: described and stamped like any other object, but a query may name only one file or parent. */
export const contentDocumentLink: ObjectDefinition = {
  name: 'ContentDocumentLink',
  label: 'Content Document Link',
  labelPlural: 'Content Document Links',
  keyPrefix: '06A',
  queryable: true,
  bulk: true,
  isSimulated: false,
  filterById: ['ContentDocumentId', 'LinkedEntityId'],
  rows: 4,
  children: [],
  fields: [
    idField('ContentDocumentLink ID'),
    reference('LinkedEntityId', 'Linked Entity ID', 'Account', 'LinkedEntity', SYSTEM, { keyPrefix: '001', count: 4, nullOnceIn: 0 }),
    field('reference', 'ContentDocumentId', 'ContentDocument ID', SYSTEM, { derive: () => '069000000000001AAA' }),
    isDeletedField(),
    ...auditFields(4).filter(({ facts }) => facts.name === 'SystemModstamp'),
  ],
};

/** An object that exists only as a related list: describe returns it, no query can read it. */
export const activityHistory: ObjectDefinition = {
  name: 'ActivityHistory',
  label: 'Activity History',
  labelPlural: 'Activity History',
  keyPrefix: null,
  queryable: false,
  bulk: false,
  isSimulated: false,
  rows: 0,
  children: [],
  fields: [
    idField('Activity ID'),
    reference('AccountId', 'Account ID', 'Account', 'Account', SYSTEM),
    field('string', 'Subject', 'Subject', SYSTEM),
    isDeletedField(),
    ...auditFields(0),
  ],
};

function fromList(values: string[]): Omit<Field, 'facts'> {
  return { make: (_dice, _read, ordinal) => values[ordinal] ?? null };
}
