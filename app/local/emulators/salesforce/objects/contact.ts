import { dateBetween, email, firstName, line, oneOf, orNull, phone, someOf } from '../org/fake-values.ts';
import { field, picklist, SYSTEM } from '../org/field.ts';
import {
  addressFields,
  auditFields,
  dataDotComFields,
  descriptionField,
  idField,
  isDeletedField,
  lastActivityField,
  leadSourceField,
  ownerField,
  photoUrlField,
  reference,
  viewedFields,
} from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';
import { fullName, PERSON_PART, personNameFields } from './person-fields.ts';

const SALUTATIONS = ['Mr.', 'Ms.', 'Mrs.', 'Dr.', 'Prof.'];
const LANGUAGES = ['English', 'Deutsch', 'français', '日本語', 'Swiss German, spoken'];

/** Contact, for an org with this many contacts and accounts. */
export const contact = (count: number, accounts: number): ObjectDefinition => ({
  name: 'Contact',
  label: 'Contact',
  labelPlural: 'Contacts',
  keyPrefix: '003',
  queryable: true,
  bulk: true,
  isSimulated: true,
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
    ...personNameFields(),
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
    leadSourceField(),
    field('date', 'Birthdate', 'Birthdate', {}, { make: orNull(3, dateBetween(1930, 2005)) }),
    descriptionField('Contact Description', 3),
    ownerField('Owner ID'),
    ...auditFields(count),
    lastActivityField(),
    field('datetime', 'LastCURequestDate', 'Last Stay-in-Touch Request Date', SYSTEM),
    field('datetime', 'LastCUUpdateDate', 'Last Stay-in-Touch Save Date', SYSTEM),
    ...viewedFields(),
    field('string', 'EmailBouncedReason', 'Email Bounced Reason', { permissionable: false }),
    field('datetime', 'EmailBouncedDate', 'Email Bounced Date', { permissionable: false }),
    field('boolean', 'IsEmailBounced', 'Is Email Bounced', SYSTEM, { derive: (read) => read('EmailBouncedDate') !== null }),
    photoUrlField(),
    ...dataDotComFields('Contact'),
    reference('IndividualId', 'Individual ID', 'Individual', 'Individual', { permissionable: false }),
    field('multipicklist', 'Languages__c', 'Languages', picklist(LANGUAGES), { make: someOf(LANGUAGES) }),
  ],
});
