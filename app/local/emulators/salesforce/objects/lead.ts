import { companyName, email, flag, money, oneOf, orNull, phone, url, whole } from '../org/fake-values.ts';
import { field, picklist, SYSTEM } from '../org/field.ts';
import {
  addressFields,
  auditFields,
  descriptionField,
  idField,
  isDeletedField,
  leadSourceField,
  queueOwnerField,
  reference,
} from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';
import { fullName, personNameFields } from './person-fields.ts';

const STATUSES = ['Open - Not Contacted', 'Working - Contacted', 'Closed - Converted', 'Closed - Not Converted'];

/** Lead: its owner may be a queue, and leads get merged. */
export const lead = (count: number): ObjectDefinition => ({
  name: 'Lead',
  label: 'Lead',
  labelPlural: 'Leads',
  keyPrefix: '00Q',
  queryable: true,
  bulk: true,
  isSimulated: true,
  hasLateCommits: true,
  rows: count,
  children: [{ childSObject: 'Task', field: 'WhoId', relationshipName: 'Tasks' }],
  fields: [
    idField('Lead ID'),
    isDeletedField(),
    reference('MasterRecordId', 'Master Record ID', 'Lead', 'MasterRecord', SYSTEM),
    ...personNameFields(),
    field('string', 'Name', 'Full Name', { ...SYSTEM, length: 121, nillable: false, nameField: true }, { derive: fullName }),
    field('string', 'Company', 'Company', { nillable: false }, { make: companyName }),
    ...addressFields(''),
    field('phone', 'Phone', 'Phone', {}, { make: orNull(3, phone) }),
    field('email', 'Email', 'Email', {}, { make: orNull(4, email) }),
    field('url', 'Website', 'Website', {}, { make: orNull(3, url) }),
    descriptionField('Description', 3),
    leadSourceField(),
    field('picklist', 'Status', 'Status', { ...picklist(STATUSES), nillable: false, defaultedOnCreate: true }, { make: oneOf(STATUSES) }),
    field('currency', 'AnnualRevenue', 'Annual Revenue', { scale: 0 }, { make: orNull(3, money) }),
    field('int', 'NumberOfEmployees', 'Employees', {}, { make: orNull(3, whole(0, 99_999)) }),
    queueOwnerField('Owner ID'),
    field('boolean', 'IsConverted', 'Converted', SYSTEM, { derive: (read) => read('Status') === 'Closed - Converted' }),
    field('boolean', 'IsUnreadByOwner', 'Unread By Owner', {}, { make: flag }),
    ...auditFields(count),
  ],
});
