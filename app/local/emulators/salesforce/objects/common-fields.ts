import type { Dice } from '../org/dice.ts';
import { city, country, dateBetween, latitude, longitude, oneOf, orNull, postalCode, state, street, text } from '../org/fake-values.ts';
import { type Field, type FieldFacts, field, picklist, type ReadField, SYSTEM, type Value } from '../org/field.ts';
import { recordId } from '../org/record-id.ts';

const START = Date.UTC(2022, 0, 1);
/** Rows before this instant are initial data; from then on the org changes. */
export const ACTIVITY_START = Date.UTC(2023, 2, 1);
const ACCURACIES = [
  'Address',
  'NearAddress',
  'Block',
  'Street',
  'ExtendedZip',
  'Zip',
  'Neighborhood',
  'City',
  'County',
  'State',
  'Unknown',
];
const CLEAN_STATUSES = ['Matched', 'Different', 'Acknowledged', 'NotFound', 'Inactive', 'Pending', 'SelectMatch', 'Skipped'];
const LEAD_SOURCES = ['Web', 'Phone Inquiry', 'Partner Referral', 'Purchased List', 'Other'];

/** Users of the org; the first is the connected user. */
export const USER_COUNT = 3;
/** Queues of the org. */
export const GROUP_COUNT = 2;
const USERS: Candidates = { keyPrefix: '005', count: USER_COUNT, nullOnceIn: 0 };

export const idField = (label: string): Field => field('id', 'Id', label, SYSTEM);

export const isDeletedField = (): Field => field('boolean', 'IsDeleted', 'Deleted', SYSTEM);

export const ownerField = (label: string): Field =>
  reference('OwnerId', label, 'User', 'Owner', { nillable: false, defaultedOnCreate: true, permissionable: false }, USERS);

/** An owner that may also be a queue: a reference to more than one object. */
export const queueOwnerField = (label: string): Field =>
  polymorphic('OwnerId', label, ['Group', 'User'], 'Owner', { nillable: false, defaultedOnCreate: true, permissionable: false }, [
    { keyPrefix: '00G', count: GROUP_COUNT, nullOnceIn: 0 },
    USERS,
    USERS,
  ]);

/** The rows that a reference picks from; null once in this many rows, or never (0). */
export interface Candidates {
  keyPrefix: string;
  count: number;
  nullOnceIn: number;
}

/** A reference to a row of another object; always null if there are no candidates. */
export function reference(
  name: string,
  label: string,
  target: string,
  relationshipName: string | null,
  own: Partial<FieldFacts> = {},
  candidates?: Candidates,
): Field {
  const facts = { referenceTo: [target], relationshipName, searchPrefilterable: target !== 'User', ...own };
  return field('reference', name, label, facts, candidates ? { make: (dice) => chosen(candidates, dice) } : {});
}

/** A reference to rows of several objects. */
export function polymorphic(
  name: string,
  label: string,
  targets: string[],
  relationshipName: string,
  own: Partial<FieldFacts>,
  candidates: Candidates[],
): Field {
  const facts = { referenceTo: targets, relationshipName, polymorphicForeignKey: true, namePointing: true, ...own };
  return field('reference', name, label, facts, { make: (dice) => chosen(dice.pick(candidates), dice) });
}

function chosen({ keyPrefix, count, nullOnceIn }: Candidates, dice: Dice): Value {
  return nullOnceIn > 0 && dice.onceIn(nullOnceIn) ? null : recordId(keyPrefix, dice.between(1, count));
}

/** CreatedDate to SystemModstamp, with stamps from 2022 to February 2023 for `count` rows in id order. */
export function auditFields(count: number): Field[] {
  const kept = { ...SYSTEM, nillable: false, defaultedOnCreate: true };
  return [
    field('datetime', 'CreatedDate', 'Created Date', kept, { make: (_dice, _read, ordinal) => createdDate(ordinal, count) }),
    reference('CreatedById', 'Created By ID', 'User', 'CreatedBy', kept, USERS),
    field('datetime', 'LastModifiedDate', 'Last Modified Date', kept, { make: lastModifiedDate }),
    reference('LastModifiedById', 'Last Modified By ID', 'User', 'LastModifiedBy', kept, USERS),
    field('datetime', 'SystemModstamp', 'System Modstamp', kept, { make: systemModstamp }),
  ];
}

/** Four rows come from one transaction and share its second. */
function createdDate(ordinal: number, count: number): Value {
  const transactions = Math.ceil(count / 4) + 1;
  return toTimestamp(START + ((ACTIVITY_START - START) * Math.floor(ordinal / 4)) / transactions);
}

function lastModifiedDate(dice: Dice, read: ReadField): Value {
  const created = Date.parse(String(read('CreatedDate')));
  return toTimestamp(dice.onceIn(3) ? created : created + dice.next() * (ACTIVITY_START - 1000 - created));
}

/** The system touches one row in eight after the last user edit. */
function systemModstamp(dice: Dice, read: ReadField): Value {
  const modified = Date.parse(String(read('LastModifiedDate')));
  return toTimestamp(dice.onceIn(8) ? modified + dice.next() * (ACTIVITY_START - 1000 - modified) : modified);
}

/** A stamp with Salesforce's precision, one second. */
export function toTimestamp(milliseconds: number): string {
  return new Date(Math.floor(milliseconds / 1000) * 1000).toISOString();
}

/** The parts of an address and their compound field, in describe's order. */
export function addressFields(prefix: string): Field[] {
  const part: Partial<FieldFacts> = { compoundFieldName: `${prefix}Address` };
  const label = (name: string): string => `${prefix} ${name}`.trim();
  const fifteen: Partial<FieldFacts> = { ...part, precision: 18, scale: 15 };
  return [
    field('textarea', `${prefix}Street`, label('Street'), part, { make: orNull(5, street) }),
    field('string', `${prefix}City`, label('City'), { ...part, length: 40 }, { make: orNull(6, city) }),
    field('string', `${prefix}State`, label('State/Province'), { ...part, length: 80 }, { make: orNull(4, state) }),
    field('string', `${prefix}PostalCode`, label('Zip/Postal Code'), { ...part, length: 20 }, { make: orNull(6, postalCode) }),
    field('string', `${prefix}Country`, label('Country'), { ...part, length: 80 }, { make: orNull(7, country) }),
    field('double', `${prefix}Latitude`, label('Latitude'), fifteen, { make: orNull(2, latitude) }),
    field('double', `${prefix}Longitude`, label('Longitude'), fifteen, { make: orNull(2, longitude) }),
    field(
      'picklist',
      `${prefix}GeocodeAccuracy`,
      label('Geocode Accuracy'),
      { ...part, ...picklist(ACCURACIES), length: 40, restrictedPicklist: true },
      { make: orNull(2, oneOf(ACCURACIES)) },
    ),
    field('address', `${prefix}Address`, label('Address')),
  ];
}

/** A long text; null once in this many rows. */
export function descriptionField(label: string, nullOnceIn: number): Field {
  const facts = { length: 32000, aggregatable: false, filterable: false, groupable: false, sortable: false };
  return field('textarea', 'Description', label, facts, { make: orNull(nullOnceIn, text) });
}

export function photoUrlField(): Field {
  const facts = { ...SYSTEM, extraTypeInfo: 'imageurl' };
  return field('url', 'PhotoUrl', 'Photo URL', facts, { derive: (read) => `/services/images/photo/${read('Id')}` });
}

export function lastActivityField(): Field {
  return field('date', 'LastActivityDate', 'Last Activity', SYSTEM, { make: orNull(2, dateBetween(2022, 2022)) });
}

/** When the connected user last viewed the record, always null. */
export function viewedFields(): Field[] {
  return [
    field('datetime', 'LastViewedDate', 'Last Viewed Date', SYSTEM),
    field('datetime', 'LastReferencedDate', 'Last Referenced Date', SYSTEM),
  ];
}

/** The fields that Data.com matched against its companies or contacts. */
export function dataDotComFields(kind: 'Company' | 'Contact'): Field[] {
  const matched = { ...SYSTEM, length: 20, relationshipName: `Jigsaw${kind}` };
  const status = { ...picklist(CLEAN_STATUSES), length: 40, restrictedPicklist: true };
  return [
    field('string', 'Jigsaw', 'Data.com Key', { length: 20 }),
    field('string', `Jigsaw${kind}Id`, `Jigsaw ${kind} ID`, matched, { derive: (read) => read('Jigsaw') }),
    field('picklist', 'CleanStatus', 'Clean Status', status, { make: oneOf(CLEAN_STATUSES) }),
  ];
}

export function leadSourceField(): Field {
  return field('picklist', 'LeadSource', 'Lead Source', picklist(LEAD_SOURCES), { make: orNull(4, oneOf(LEAD_SOURCES)) });
}
