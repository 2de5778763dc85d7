import {
  companyName,
  dateBetween,
  fineNumber,
  flag,
  line,
  money,
  oneOf,
  orNull,
  percentage,
  phone,
  someOf,
  text,
  url,
  whole,
} from '../org/fake-values.ts';
import { field, picklist, SYSTEM } from '../org/field.ts';
import { addressFields, auditFields, idField, isDeletedField, ownerField, reference } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

const TYPES = ['Prospect', 'Customer - Direct', 'Customer - Channel', 'Channel Partner / Reseller', 'Installation Partner', 'Other'];
const INDUSTRIES = ['Agriculture', 'Apparel', 'Banking', 'Biotechnology', 'Energy', 'Food & Beverage', 'Machinery', 'Other'];
const OWNERSHIPS = ['Public', 'Private', 'Subsidiary', 'Other'];
const RATINGS = ['Hot', 'Warm', 'Cold'];
const SOURCES = ['Advertisement', 'Employee Referral', 'Partner Referral', 'Web', 'Word of mouth'];
const CLEAN = ['Matched', 'Different', 'Acknowledged', 'NotFound', 'Inactive', 'Pending', 'SelectMatch', 'Skipped'];
const INTERESTS = ['Chairs', 'Desks, standing', 'Lamps', 'Carpets "Oriental"', 'Plants'];

/** Account, for an org with this many accounts. */
export const account = (count: number): ObjectDefinition => ({
  name: 'Account',
  label: 'Account',
  labelPlural: 'Accounts',
  keyPrefix: '001',
  queryable: true,
  bulk: true,
  lives: true,
  rows: count,
  children: [
    { childSObject: 'Account', field: 'ParentId', relationshipName: 'ChildAccounts' },
    { childSObject: 'Contact', field: 'AccountId', relationshipName: 'Contacts' },
    { childSObject: 'Opportunity', field: 'AccountId', relationshipName: 'Opportunities' },
  ],
  fields: [
    idField('Account ID'),
    isDeletedField(),
    reference('MasterRecordId', 'Master Record ID', 'Account', 'MasterRecord', { ...SYSTEM, searchPrefilterable: false }),
    field(
      'string',
      'Name',
      'Account Name',
      { nillable: false, nameField: true, extraTypeInfo: 'switchablepersonname', permissionable: false },
      { make: companyName },
    ),
    field('picklist', 'Type', 'Account Type', picklist(TYPES), { make: orNull(6, oneOf(TYPES)) }),
    reference('ParentId', 'Parent Account ID', 'Account', 'Parent', {}, { keyPrefix: '001', count, nullOnceIn: 1.2 }),
    ...addressFields('Billing'),
    ...addressFields('Shipping'),
    field('phone', 'Phone', 'Account Phone', {}, { make: orNull(5, phone) }),
    field('phone', 'Fax', 'Account Fax', {}, { make: orNull(2, phone) }),
    field(
      'string',
      'AccountNumber',
      'Account Number',
      { length: 40 },
      { make: orNull(4, (dice) => String(dice.between(0, 99_999_999)).padStart(8, '0')) },
    ),
    field('url', 'Website', 'Website', {}, { make: orNull(4, url) }),
    field(
      'url',
      'PhotoUrl',
      'Photo URL',
      { ...SYSTEM, extraTypeInfo: 'imageurl' },
      { derive: (read) => `/services/images/photo/${read('Id')}` },
    ),
    field('string', 'Sic', 'SIC Code', { length: 20 }, { make: orNull(3, (dice) => String(dice.between(100, 9999))) }),
    field('picklist', 'Industry', 'Industry', picklist(INDUSTRIES), { make: orNull(8, oneOf(INDUSTRIES)) }),
    field('currency', 'AnnualRevenue', 'Annual Revenue', { precision: 18, scale: 0 }, { make: orNull(5, money) }),
    field('int', 'NumberOfEmployees', 'Employees', {}, { make: orNull(6, whole(0, 99_999_999)) }),
    field('picklist', 'Ownership', 'Ownership', picklist(OWNERSHIPS), { make: orNull(3, oneOf(OWNERSHIPS)) }),
    field('string', 'TickerSymbol', 'Ticker Symbol', { length: 20 }),
    field(
      'textarea',
      'Description',
      'Account Description',
      { length: 32000, aggregatable: false, filterable: false, groupable: false, sortable: false },
      { make: orNull(4, text) },
    ),
    field('picklist', 'Rating', 'Account Rating', picklist(RATINGS), { make: orNull(3, oneOf(RATINGS)) }),
    field('string', 'Site', 'Account Site', { length: 80 }, { make: orNull(3, line) }),
    ownerField('Owner ID'),
    ...auditFields(count),
    field('date', 'LastActivityDate', 'Last Activity', SYSTEM, { make: orNull(2, dateBetween(2022, 2022)) }),
    field('datetime', 'LastViewedDate', 'Last Viewed Date', SYSTEM),
    field('datetime', 'LastReferencedDate', 'Last Referenced Date', SYSTEM),
    field('string', 'Jigsaw', 'Data.com Key', { length: 20 }),
    field(
      'string',
      'JigsawCompanyId',
      'Jigsaw Company ID',
      { ...SYSTEM, length: 20, relationshipName: 'JigsawCompany' },
      { derive: (read) => read('Jigsaw') },
    ),
    field('picklist', 'CleanStatus', 'Clean Status', { ...picklist(CLEAN), length: 40, restrictedPicklist: true }, { make: oneOf(CLEAN) }),
    field('picklist', 'AccountSource', 'Account Source', picklist(SOURCES), { make: orNull(3, oneOf(SOURCES)) }),
    field(
      'string',
      'DunsNumber',
      'D-U-N-S Number',
      { length: 9 },
      { make: orNull(3, (dice) => String(dice.between(0, 999_999_999)).padStart(9, '0')) },
    ),
    field('string', 'Tradestyle', 'Tradestyle', {}, { make: orNull(3, line) }),
    field('string', 'NaicsCode', 'NAICS Code', { length: 8 }),
    field('string', 'NaicsDesc', 'NAICS Description', { length: 120 }),
    field('string', 'YearStarted', 'Year Started', { length: 4 }, { make: orNull(2, (dice) => String(dice.between(1850, 2022))) }),
    field('string', 'SicDesc', 'SIC Description', { length: 80 }),
    field(
      'date',
      'ContractEnd__c',
      'Contract End',
      { inlineHelpText: 'The last day of the running contract, "inclusive".' },
      { make: orNull(3, dateBetween(1900, 2099)) },
    ),
    field('multipicklist', 'Interests__c', 'Interests', picklist(INTERESTS), { make: someOf(INTERESTS) }),
    field('percent', 'Discount__c', 'Discount', { precision: 18, scale: 1 }, { make: orNull(3, percentage) }),
    field('double', 'Score__c', 'Score', { precision: 18, scale: 3 }, { make: orNull(5, fineNumber) }),
    field('boolean', 'Active__c', 'Active', {}, { make: flag }),
    field(
      'datetime',
      'LastVisit__c',
      'Last Visit',
      {},
      { make: orNull(2, (dice) => new Date(dice.between(0, 1_900_000_000) * 1000).toISOString()) },
    ),
  ],
});
