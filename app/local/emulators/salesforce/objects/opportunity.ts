import { companyName, dateBetween, flag, line, money, oneOf, orNull, percentage, whole } from '../org/fake-values.ts';
import { field, picklist, type ReadField, SYSTEM, type Value } from '../org/field.ts';
import {
  auditFields,
  descriptionField,
  idField,
  isDeletedField,
  lastActivityField,
  leadSourceField,
  ownerField,
  reference,
  viewedFields,
} from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

const STAGES = ['Prospecting', 'Qualification', 'Needs Analysis', 'Value Proposition', 'Negotiation/Review', 'Closed Won', 'Closed Lost'];
const TYPES = ['Existing Customer - Upgrade', 'Existing Customer - Replacement', 'New Customer'];
const CATEGORIES = ['Omitted', 'Pipeline', 'BestCase', 'MostLikely', 'Forecast', 'Closed'];
const CATEGORY_NAMES = ['Omitted', 'Pipeline', 'Best Case', 'Most Likely', 'Commit', 'Closed'];

/** Opportunity, for an org with this many opportunities, accounts and contacts. */
export const opportunity = (count: number, accounts: number, contacts: number): ObjectDefinition => ({
  name: 'Opportunity',
  label: 'Opportunity',
  labelPlural: 'Opportunities',
  keyPrefix: '006',
  queryable: true,
  bulk: true,
  isSimulated: true,
  rows: count,
  children: [],
  fields: [
    idField('Opportunity ID'),
    isDeletedField(),
    reference('AccountId', 'Account ID', 'Account', 'Account', {}, { keyPrefix: '001', count: accounts, nullOnceIn: 20 }),
    field('boolean', 'IsPrivate', 'Private', {}, { make: flag }),
    field(
      'string',
      'Name',
      'Name',
      { length: 120, nillable: false, nameField: true, idLookup: true, permissionable: false },
      { make: companyName },
    ),
    descriptionField('Description', 4),
    field('picklist', 'StageName', 'Stage', { ...picklist(STAGES), nillable: false, permissionable: false }, { make: oneOf(STAGES) }),
    field('currency', 'Amount', 'Amount', {}, { make: orNull(7, money) }),
    field('percent', 'Probability', 'Probability (%)', { defaultedOnCreate: true }, { make: percentage }),
    field('currency', 'ExpectedRevenue', 'Expected Amount', { createable: false, updateable: false }, { derive: expectedRevenue }),
    field('double', 'TotalOpportunityQuantity', 'Quantity', {}, { make: orNull(3, whole(1, 20_000_000)) }),
    field('date', 'CloseDate', 'Close Date', { nillable: false, permissionable: false }, { make: dateBetween(2022, 2025) }),
    field('picklist', 'Type', 'Opportunity Type', picklist(TYPES), { make: orNull(4, oneOf(TYPES)) }),
    field('string', 'NextStep', 'Next Step', {}, { make: orNull(3, line) }),
    leadSourceField(),
    field('boolean', 'IsClosed', 'Closed', SYSTEM, { derive: (read) => String(read('StageName')).startsWith('Closed') }),
    field('boolean', 'IsWon', 'Won', SYSTEM, { derive: (read) => read('StageName') === 'Closed Won' }),
    field(
      'picklist',
      'ForecastCategory',
      'Forecast Category',
      { ...SYSTEM, ...picklist(CATEGORIES), length: 40, nillable: false, restrictedPicklist: true },
      { derive: (read) => CATEGORIES[CATEGORY_NAMES.indexOf(String(read('ForecastCategoryName')))] ?? null },
    ),
    field(
      'picklist',
      'ForecastCategoryName',
      'Forecast Category',
      { ...picklist(CATEGORY_NAMES), defaultedOnCreate: true, restrictedPicklist: true, permissionable: false },
      { make: oneOf(CATEGORY_NAMES) },
    ),
    reference('CampaignId', 'Campaign ID', 'Campaign', 'Campaign'),
    field('boolean', 'HasOpportunityLineItem', 'Has Line Item', SYSTEM, { make: flag }),
    reference('Pricebook2Id', 'Price Book ID', 'Pricebook2', 'Pricebook2', { defaultedOnCreate: true, permissionable: false }),
    ownerField('Owner ID'),
    ...auditFields(count),
    lastActivityField(),
    field('datetime', 'LastStageChangeDate', 'Last Stage Change Date', SYSTEM),
    field('int', 'FiscalQuarter', 'Fiscal Quarter', { ...SYSTEM, compoundFieldName: 'Fiscal' }, { derive: fiscalQuarter }),
    field('int', 'FiscalYear', 'Fiscal Year', { ...SYSTEM, compoundFieldName: 'Fiscal' }, { derive: fiscalYear }),
    field('string', 'Fiscal', 'Fiscal Period', { ...SYSTEM, length: 6, byteLength: 6 }, { derive: fiscalPeriod }),
    reference(
      'ContactId',
      'Contact ID',
      'Contact',
      null,
      { updateable: false, permissionable: false, searchPrefilterable: false },
      { keyPrefix: '003', count: contacts, nullOnceIn: 2 },
    ),
    ...viewedFields(),
    field('boolean', 'HasOpenActivity', 'Has Open Activity', { ...SYSTEM, filterable: false, sortable: false }, { make: flag }),
    field('boolean', 'HasOverdueTask', 'Has Overdue Task', { ...SYSTEM, filterable: false, sortable: false }, { make: flag }),
    reference('LastAmountChangedHistoryId', 'Opportunity History ID', 'OpportunityHistory', 'LastAmountChangedHistory', SYSTEM),
    reference('LastCloseDateChangedHistoryId', 'Opportunity History ID', 'OpportunityHistory', 'LastCloseDateChangedHistory', SYSTEM),
  ],
});

function expectedRevenue(read: ReadField): Value {
  const amount = read('Amount');
  return amount === null ? null : Math.round(Number(amount) * Number(read('Probability'))) / 100;
}

function fiscalYear(read: ReadField): Value {
  const closes = read('CloseDate');
  return closes === null ? null : Number(String(closes).slice(0, 4));
}

function fiscalQuarter(read: ReadField): Value {
  const closes = read('CloseDate');
  return closes === null ? null : Math.ceil(Number(String(closes).slice(5, 7)) / 3);
}

function fiscalPeriod(read: ReadField): Value {
  return read('CloseDate') === null ? null : `${fiscalYear(read)} ${fiscalQuarter(read)}`;
}
