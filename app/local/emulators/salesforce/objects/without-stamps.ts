import { dateBetween, oneOf } from '../org/fake-values.ts';
import { field, picklist, SYSTEM } from '../org/field.ts';
import { recordId } from '../org/record-id.ts';
import { auditFields, idField, isDeletedField, reference, USER_COUNT } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

const LOGINS = 12;
const SUBSCRIPTIONS = 10;
const LOGIN_TYPES = ['Application', 'Remote Access 2.0', 'Other Apex API'];
const ANY_USER = { keyPrefix: '005', count: USER_COUNT, nullOnceIn: 0 };

/** Logins: no stamp of any kind, and no recycle bin. They change only from outside. */
export const loginHistory: ObjectDefinition = {
  name: 'LoginHistory',
  label: 'Login History',
  labelPlural: 'Login History',
  keyPrefix: '0Ya',
  queryable: true,
  bulk: true,
  isSimulated: true,
  onlyChanges: [],
  summary: { createable: false, updateable: false, deletable: false, undeletable: false, replicateable: false },
  rows: LOGINS,
  children: [],
  fields: [
    idField('Login ID'),
    reference('UserId', 'User ID', 'User', null, SYSTEM, ANY_USER),
    field('datetime', 'LoginTime', 'Login Time', SYSTEM, { make: (dice) => `${dateBetween(2022, 2022)(dice)}T08:00:00.000Z` }),
    field('picklist', 'LoginType', 'Login Type', { ...SYSTEM, ...picklist(LOGIN_TYPES) }, { make: oneOf(LOGIN_TYPES) }),
    field('string', 'SourceIp', 'Source IP', { ...SYSTEM, length: 39 }, { make: (dice) => `192.0.2.${dice.between(1, 254)}` }),
    field('string', 'Status', 'Status', { ...SYSTEM, length: 128 }, { derive: () => 'Success' }),
  ],
};

/** Who follows which account: CreatedDate is its only stamp, although records can be edited and deleted. They change only from outside. */
export const entitySubscription = (accounts: number): ObjectDefinition => ({
  name: 'EntitySubscription',
  label: 'Entity Subscription',
  labelPlural: 'Entity Subscriptions',
  keyPrefix: '0E8',
  queryable: true,
  bulk: true,
  isSimulated: true,
  onlyChanges: [],
  summary: { replicateable: false, searchable: false, triggerable: false, layoutable: false },
  rows: SUBSCRIPTIONS,
  children: [],
  fields: [
    idField('Entity Subscription ID'),
    field(
      'reference',
      'ParentId',
      'Parent ID',
      { referenceTo: ['Account'], relationshipName: 'Parent', nillable: false },
      {
        make: (_dice, _read, ordinal) => recordId('001', (ordinal % accounts) + 1),
      },
    ),
    reference('SubscriberId', 'Subscriber ID', 'User', 'Subscriber', { nillable: false }, ANY_USER),
    ...auditFields(SUBSCRIPTIONS).filter(({ facts }) => facts.name.startsWith('Created')),
    isDeletedField(),
  ],
});
