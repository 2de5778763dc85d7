import { dateBetween, flag, line, oneOf, orNull } from '../org/fake-values.ts';
import { field, picklist, type ReadField, SYSTEM, type Value, type World } from '../org/field.ts';
import { auditFields, descriptionField, idField, isDeletedField, ownerField, polymorphic, reference } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';
import type { RowCounts } from './row-counts.ts';

const STATUSES = ['Not Started', 'In Progress', 'Completed', 'Waiting on someone else', 'Deferred'];
const PRIORITIES = ['High', 'Normal', 'Low'];

/** Task: references several objects, and is archived when it is old. */
export const task = ({ Account, Case, Contact, Lead, Opportunity, Task }: RowCounts): ObjectDefinition => ({
  name: 'Task',
  label: 'Task',
  labelPlural: 'Tasks',
  keyPrefix: '00T',
  queryable: true,
  bulk: true,
  isSimulated: true,
  hasLateCommits: true,
  summary: { mergeable: false },
  rows: Task,
  children: [],
  fields: [
    idField('Activity ID'),
    polymorphic('WhoId', 'Name ID', ['Contact', 'Lead'], 'Who', {}, [
      { keyPrefix: '003', count: Contact, nullOnceIn: 5 },
      { keyPrefix: '00Q', count: Lead, nullOnceIn: 5 },
    ]),
    polymorphic('WhatId', 'Related To ID', ['Account', 'Case', 'Opportunity'], 'What', {}, [
      { keyPrefix: '001', count: Account, nullOnceIn: 5 },
      { keyPrefix: '500', count: Case, nullOnceIn: 5 },
      { keyPrefix: '006', count: Opportunity, nullOnceIn: 5 },
    ]),
    field('combobox', 'Subject', 'Subject', picklist(['Call', 'Email', 'Send Letter']), { make: orNull(9, line) }),
    field('date', 'ActivityDate', 'Due Date Only', {}, { make: orNull(3, dateBetween(2020, 2024)) }),
    field('picklist', 'Status', 'Status', { ...picklist(STATUSES), nillable: false }, { make: oneOf(STATUSES) }),
    field('picklist', 'Priority', 'Priority', { ...picklist(PRIORITIES), nillable: false }, { make: oneOf(PRIORITIES) }),
    field('boolean', 'IsHighPriority', 'High Priority', SYSTEM, { derive: (read) => read('Priority') === 'High' }),
    ownerField('Assigned To ID'),
    descriptionField('Description', 3),
    isDeletedField(),
    reference('AccountId', 'Account ID', 'Account', 'Account', SYSTEM, { keyPrefix: '001', count: Account, nullOnceIn: 5 }),
    field('boolean', 'IsClosed', 'Closed', SYSTEM, { derive: (read) => read('Status') === 'Completed' }),
    ...auditFields(Task),
    field('boolean', 'IsArchived', 'Archived', SYSTEM, { derive: isArchived }),
    field('boolean', 'IsReminderSet', 'Reminder Set', {}, { make: flag }),
  ],
});

/**
 * Salesforce archives closed tasks that were due more than a year ago: query then omits them, and no stamp moves.
 * Here that happens on the first of every month, so that no row changes unnoticed in the weeks that the demo compares.
 */
function isArchived(read: ReadField, { now }: World): Value {
  const due = read('ActivityDate');
  return read('IsClosed') === true && due !== null && due < lastYear(now());
}

/** The first of this month a year ago. */
function lastYear(now: Date): string {
  return new Date(Date.UTC(now.getUTCFullYear() - 1, now.getUTCMonth(), 1)).toISOString().slice(0, 10);
}
