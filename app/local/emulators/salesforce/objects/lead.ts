import { companyName, email, firstName, flag, lastName, money, oneOf, orNull, phone, text, url, whole } from '../org/fake-values.ts';
import { field, picklist, type ReadField, SYSTEM, type Value } from '../org/field.ts';
import { addressFields, auditFields, idField, isDeletedField, queueOwnerField, reference } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

const STATUSES = ['Open - Not Contacted', 'Working - Contacted', 'Closed - Converted', 'Closed - Not Converted'];
const SOURCES = ['Web', 'Phone Inquiry', 'Partner Referral', 'Purchased List', 'Other'];
const PERSON_PART = { compoundFieldName: 'Name', extraTypeInfo: 'personname', permissionable: false };

/** Lead: its owner may be a queue, and leads get merged. */
export const lead = (count: number): ObjectDefinition => ({
  name: 'Lead',
  label: 'Lead',
  labelPlural: 'Leads',
  keyPrefix: '00Q',
  queryable: true,
  bulk: true,
  lives: true,
  busy: true,
  rows: count,
  children: [{ childSObject: 'Task', field: 'WhoId', relationshipName: 'Tasks' }],
  fields: [
    idField('Lead ID'),
    isDeletedField(),
    reference('MasterRecordId', 'Master Record ID', 'Lead', 'MasterRecord', SYSTEM),
    field('string', 'LastName', 'Last Name', { ...PERSON_PART, length: 80, nillable: false }, { make: lastName }),
    field('string', 'FirstName', 'First Name', { ...PERSON_PART, length: 40 }, { make: orNull(8, firstName) }),
    field('string', 'Name', 'Full Name', { ...SYSTEM, length: 121, nillable: false, nameField: true }, { derive: fullName }),
    field('string', 'Company', 'Company', { nillable: false }, { make: companyName }),
    ...addressFields(''),
    field('phone', 'Phone', 'Phone', {}, { make: orNull(3, phone) }),
    field('email', 'Email', 'Email', {}, { make: orNull(4, email) }),
    field('url', 'Website', 'Website', {}, { make: orNull(3, url) }),
    field(
      'textarea',
      'Description',
      'Description',
      { length: 32000, aggregatable: false, filterable: false, groupable: false, sortable: false },
      { make: orNull(3, text) },
    ),
    field('picklist', 'LeadSource', 'Lead Source', picklist(SOURCES), { make: orNull(4, oneOf(SOURCES)) }),
    field('picklist', 'Status', 'Status', { ...picklist(STATUSES), nillable: false, defaultedOnCreate: true }, { make: oneOf(STATUSES) }),
    field('currency', 'AnnualRevenue', 'Annual Revenue', { scale: 0 }, { make: orNull(3, money) }),
    field('int', 'NumberOfEmployees', 'Employees', {}, { make: orNull(3, whole(0, 99_999)) }),
    queueOwnerField('Owner ID'),
    field('boolean', 'IsConverted', 'Converted', SYSTEM, { derive: (read) => read('Status') === 'Closed - Converted' }),
    field('boolean', 'IsUnreadByOwner', 'Unread By Owner', {}, { make: flag }),
    ...auditFields(count),
  ],
});

function fullName(read: ReadField): Value {
  return [read('FirstName'), read('LastName')].filter((part) => part !== null).join(' ') || null;
}
