import { dateBetween, email, firstName, lastName, line, oneOf, orNull, phone, someOf, text } from '../org/fake-values.ts';
import { field, picklist, type ReadField, SYSTEM, type Value } from '../org/field.ts';
import { addressFields, auditFields, idField, isDeletedField, ownerField, reference } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

const SALUTATIONS = ['Mr.', 'Ms.', 'Mrs.', 'Dr.', 'Prof.'];
const SOURCES = ['Web', 'Phone Inquiry', 'Partner Referral', 'Purchased List', 'Other'];
const CLEAN = ['Matched', 'Different', 'Acknowledged', 'NotFound', 'Inactive', 'Pending', 'SelectMatch', 'Skipped'];
const PERSON_PART = { compoundFieldName: 'Name', extraTypeInfo: 'personname', permissionable: false };
const LANGUAGES = ['English', 'Deutsch', 'français', '日本語', 'Swiss German, spoken'];

/** Contact, for an org with this many contacts and accounts. */
export const contact = (count: number, accounts: number): ObjectDefinition => ({
  name: 'Contact',
  label: 'Contact',
  labelPlural: 'Contacts',
  keyPrefix: '003',
  queryable: true,
  bulk: true,
  lives: true,
  rows: count,
  children: [
    { childSObject: 'Contact', field: 'ReportsToId', relationshipName: null },
    { childSObject: 'Opportunity', field: 'ContactId', relationshipName: 'Opportunities' },
  ],
  fields: [
    idField('Contact ID'),
    isDeletedField(),
    reference('MasterRecordId', 'Master Record ID', 'Contact', 'MasterRecord', { ...SYSTEM, searchPrefilterable: false }),
    reference('AccountId', 'Account ID', 'Account', 'Account', {}, { keyPrefix: '001', count: accounts, nullOnceIn: 9 }),
    field('string', 'LastName', 'Last Name', { ...PERSON_PART, length: 80, nillable: false }, { make: lastName }),
    field('string', 'FirstName', 'First Name', { ...PERSON_PART, length: 40 }, { make: orNull(8, firstName) }),
    field(
      'picklist',
      'Salutation',
      'Salutation',
      { ...PERSON_PART, ...picklist(SALUTATIONS), length: 40 },
      { make: orNull(3, oneOf(SALUTATIONS)) },
    ),
    field(
      'string',
      'Name',
      'Full Name',
      { ...SYSTEM, length: 121, nillable: false, nameField: true, extraTypeInfo: 'personname' },
      { derive: fullName },
    ),
    ...addressFields('Other'),
    ...addressFields('Mailing'),
    field('phone', 'Phone', 'Business Phone', {}, { make: orNull(3, phone) }),
    field('phone', 'Fax', 'Business Fax'),
    field('phone', 'MobilePhone', 'Mobile Phone', {}, { make: orNull(3, phone) }),
    field('phone', 'HomePhone', 'Home Phone', {}, { make: orNull(2, phone) }),
    field('phone', 'OtherPhone', 'Other Phone'),
    field('phone', 'AssistantPhone', 'Asst. Phone'),
    reference('ReportsToId', 'Reports To ID', 'Contact', 'ReportsTo', {}, { keyPrefix: '003', count, nullOnceIn: 1.5 }),
    field('email', 'Email', 'Email', {}, { make: orNull(6, email) }),
    field('string', 'Title', 'Title', { length: 128 }, { make: orNull(4, line) }),
    field(
      'string',
      'Department',
      'Department',
      { length: 80 },
      { make: orNull(4, oneOf(['Sales', 'Finance & Legal', 'Forschung', 'R&D, "Lab 2"'])) },
    ),
    field('string', 'AssistantName', "Assistant's Name", { length: 40 }, { make: orNull(2, firstName) }),
    field('picklist', 'LeadSource', 'Lead Source', picklist(SOURCES), { make: orNull(4, oneOf(SOURCES)) }),
    field('date', 'Birthdate', 'Birthdate', {}, { make: orNull(3, dateBetween(1930, 2005)) }),
    field(
      'textarea',
      'Description',
      'Contact Description',
      { length: 32000, aggregatable: false, filterable: false, groupable: false, sortable: false },
      { make: orNull(3, text) },
    ),
    ownerField('Owner ID'),
    ...auditFields(count),
    field('date', 'LastActivityDate', 'Last Activity', SYSTEM, { make: orNull(2, dateBetween(2022, 2022)) }),
    field('datetime', 'LastCURequestDate', 'Last Stay-in-Touch Request Date', SYSTEM),
    field('datetime', 'LastCUUpdateDate', 'Last Stay-in-Touch Save Date', SYSTEM),
    field('datetime', 'LastViewedDate', 'Last Viewed Date', SYSTEM),
    field('datetime', 'LastReferencedDate', 'Last Referenced Date', SYSTEM),
    field('string', 'EmailBouncedReason', 'Email Bounced Reason', { permissionable: false }),
    field('datetime', 'EmailBouncedDate', 'Email Bounced Date', { permissionable: false }),
    field('boolean', 'IsEmailBounced', 'Is Email Bounced', SYSTEM, { derive: (read) => read('EmailBouncedDate') !== null }),
    field(
      'url',
      'PhotoUrl',
      'Photo URL',
      { ...SYSTEM, extraTypeInfo: 'imageurl' },
      { derive: (read) => `/services/images/photo/${read('Id')}` },
    ),
    field('string', 'Jigsaw', 'Data.com Key', { length: 20 }),
    field(
      'string',
      'JigsawContactId',
      'Jigsaw Contact ID',
      { ...SYSTEM, length: 20, relationshipName: 'JigsawContact' },
      { derive: (read) => read('Jigsaw') },
    ),
    field('picklist', 'CleanStatus', 'Clean Status', { ...picklist(CLEAN), length: 40, restrictedPicklist: true }, { make: oneOf(CLEAN) }),
    reference('IndividualId', 'Individual ID', 'Individual', 'Individual', { permissionable: false }),
    field('multipicklist', 'Languages__c', 'Languages', picklist(LANGUAGES), { make: someOf(LANGUAGES) }),
  ],
});

function fullName(read: ReadField): Value {
  return [read('FirstName'), read('LastName')].filter((part) => part !== null).join(' ') || null;
}
