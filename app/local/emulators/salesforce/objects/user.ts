import { line, orNull, phone } from '../org/fake-values.ts';
import { field, picklist, type ReadField, SYSTEM } from '../org/field.ts';
import { addressFields, auditFields, reference, USER_COUNT } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

const PEOPLE = [
  ['Integration', 'User', 'integration'],
  ['Grace', 'O’Brien', 'gobri'],
  ['Łukasz', '佐藤', 'lsat'],
];
const TYPES = ['Standard', 'PowerPartner', 'CSPLitePortal', 'Guest', 'CsnOnly', 'AutomatedProcess'];
const ZONES = ['Europe/Berlin', 'America/Los_Angeles', 'Asia/Tokyo'];

/** The connected user's time zone. */
export const USER_ZONE = 'Europe/Berlin';
export const USERNAME = 'integration@sandbox.example.com';

const person = (read: ReadField): readonly (string | undefined)[] => PEOPLE[Number(read('EmployeeNumber')) - 1] ?? [];

/** The org's users: they become inactive, but are never deleted. */
export const user: ObjectDefinition = {
  name: 'User',
  label: 'User',
  labelPlural: 'Users',
  keyPrefix: '005',
  queryable: true,
  bulk: true,
  isSimulated: true,
  onlyChanges: ['edit', 'touch', 'restamp'],
  summary: { deletable: false, undeletable: false, mergeable: false },
  rows: USER_COUNT,
  children: [],
  fields: [
    field('id', 'Id', 'User ID', SYSTEM),
    field('string', 'Username', 'Username', { length: 80, nillable: false, idLookup: true, unique: true }, { derive: username }),
    field('string', 'LastName', 'Last Name', { length: 80, nillable: false }, { derive: (read) => person(read)[1] ?? null }),
    field('string', 'FirstName', 'First Name', { length: 40 }, { derive: (read) => person(read)[0] ?? null }),
    field('string', 'Name', 'Full Name', { ...SYSTEM, length: 121, nameField: true }, { derive: (read) => fullName(read) }),
    field('string', 'Title', 'Title', { length: 80 }, { make: orNull(3, line) }),
    ...addressFields(''),
    field('email', 'Email', 'Email', { length: 128, nillable: false }, { derive: (read) => `${person(read)[2]}@example.com` }),
    field('phone', 'Phone', 'Phone', {}, { make: orNull(2, phone) }),
    field('string', 'Alias', 'Alias', { length: 8, nillable: false }, { derive: (read) => person(read)[2]?.slice(0, 8) ?? null }),
    field('boolean', 'IsActive', 'Active', {}, { derive: () => true }),
    field('picklist', 'TimeZoneSidKey', 'Time Zone', picklist(ZONES), { derive: () => USER_ZONE }),
    field(
      'string',
      'EmployeeNumber',
      'Employee Number',
      { length: 20, updateable: false },
      { make: (_dice, _read, ordinal) => String(ordinal + 1) },
    ),
    field('picklist', 'UserType', 'User Type', { ...SYSTEM, ...picklist(TYPES) }, { derive: () => 'Standard' }),
    reference('ManagerId', 'Manager ID', 'User', 'Manager'),
    field('datetime', 'LastLoginDate', 'Last Login', SYSTEM),
    ...auditFields(USER_COUNT),
  ],
};

function username(read: ReadField): string {
  return read('EmployeeNumber') === '1' ? USERNAME : `${person(read)[2]}@sandbox.example.com`;
}

function fullName(read: ReadField): string {
  return `${read('FirstName')} ${read('LastName')}`;
}
