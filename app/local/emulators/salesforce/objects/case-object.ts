import { email, flag, line, oneOf, orNull } from '../org/fake-values.ts';
import { field, picklist, SYSTEM } from '../org/field.ts';
import { recordNumber } from '../org/record-id.ts';
import { auditFields, descriptionField, idField, isDeletedField, queueOwnerField, reference } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';
import type { RowCounts } from './row-counts.ts';

const STATUSES = ['New', 'Working', 'Escalated', 'Closed'];
const ORIGINS = ['Phone', 'Email', 'Web'];
const PRIORITIES = ['High', 'Medium', 'Low'];
const TEN_DIGITS = 100_000_000;

/** Case: numbered by the org, may be owned by queues, gets merged. */
export const caseObject = ({ Account, Case, Contact }: RowCounts): ObjectDefinition => ({
  name: 'Case',
  label: 'Case',
  labelPlural: 'Cases',
  keyPrefix: '500',
  queryable: true,
  bulk: true,
  isSimulated: true,
  hasLateCommits: true,
  rows: Case,
  children: [
    { childSObject: 'Case', field: 'ParentId', relationshipName: 'Cases' },
    { childSObject: 'Task', field: 'WhatId', relationshipName: 'Tasks' },
  ],
  fields: [
    idField('Case ID'),
    isDeletedField(),
    reference('MasterRecordId', 'Master Record ID', 'Case', 'MasterRecord', SYSTEM),
    field(
      'string',
      'CaseNumber',
      'Case Number',
      { ...SYSTEM, length: 30, nillable: false, nameField: true, autoNumber: true, idLookup: true },
      { derive: (read) => String((recordNumber('500', String(read('Id'))) ?? 0) % TEN_DIGITS).padStart(8, '0') },
    ),
    reference('ContactId', 'Contact ID', 'Contact', 'Contact', {}, { keyPrefix: '003', count: Contact, nullOnceIn: 4 }),
    reference('AccountId', 'Account ID', 'Account', 'Account', {}, { keyPrefix: '001', count: Account, nullOnceIn: 5 }),
    reference('ParentId', 'Parent Case ID', 'Case', 'Parent', {}, { keyPrefix: '500', count: Case, nullOnceIn: 1.5 }),
    field('email', 'SuppliedEmail', 'Email Address', {}, { make: orNull(3, email) }),
    field('picklist', 'Status', 'Status', { ...picklist(STATUSES), defaultedOnCreate: true }, { make: oneOf(STATUSES) }),
    field('picklist', 'Origin', 'Case Origin', picklist(ORIGINS), { make: orNull(5, oneOf(ORIGINS)) }),
    field('picklist', 'Priority', 'Priority', picklist(PRIORITIES), { make: oneOf(PRIORITIES) }),
    field('string', 'Subject', 'Subject', {}, { make: orNull(9, line) }),
    descriptionField('Description', 3),
    field('boolean', 'IsClosed', 'Closed', SYSTEM, { derive: (read) => read('Status') === 'Closed' }),
    field('boolean', 'IsEscalated', 'Escalated', {}, { make: flag }),
    queueOwnerField('Owner ID'),
    ...auditFields(Case),
  ],
});
