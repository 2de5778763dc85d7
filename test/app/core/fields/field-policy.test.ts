import { describe, expect, test } from '@jest/globals';
import { columnsOf, type DescribedField } from '../../../../app/core/fields/columns.ts';
import {
  applyPolicy,
  clearedFields,
  type FieldsOfJob,
  parsePatterns,
  policyOf,
  requireApplicable,
  requireUnprotectedAnywhere,
} from '../../../../app/core/fields/field-policy.ts';

const FIELDS: DescribedField[] = (
  [
    ['Id', 'id'],
    ['IsDeleted', 'boolean'],
    ['CreatedDate', 'datetime'],
    ['SystemModstamp', 'datetime'],
    ['SSN__c', 'string'],
    ['Old_SSN__c', 'string'],
    ['AnnualRevenue', 'currency'],
    ['BillingAddress', 'address'],
    ['BillingCity', 'string'],
  ] as const
).map(([name, type]) => ({
  name,
  type,
  label: name,
  help: null,
  length: 0,
  precision: type === 'currency' ? 18 : 0,
  scale: 0,
  calculated: false,
  filterable: true,
  nillable: true,
  formula: null,
  picklist: null,
  refersTo: null,
}));

const JOB: FieldsOfJob = {
  objectName: 'Account',
  cursorField: 'SystemModstamp',
  excludeFields: [],
  hashFields: [],
  newFields: 'add',
  approvedFields: null,
};

const read = (policy: Partial<FieldsOfJob>) => {
  const { columns, pending } = applyPolicy(columnsOf(FIELDS), { ...JOB, ...policy }, 'ab12');
  return { fields: columns.map(({ field }) => field), hashed: columns.filter(({ hashed }) => hashed), pending };
};

const KEYS = ['Id', 'IsDeleted', 'CreatedDate', 'SystemModstamp'];

describe('what a policy excludes', () => {
  test.each([
    ['SSN__c', ['Old_SSN__c', 'AnnualRevenue', 'BillingCity']],
    ['account.ssn__C', ['Old_SSN__c', 'AnnualRevenue', 'BillingCity']],
    ['*.SSN__c', ['Old_SSN__c', 'AnnualRevenue', 'BillingCity']],
    ['*SSN__c', ['AnnualRevenue', 'BillingCity']],
    ['Acc*.*_SSN__c', ['SSN__c', 'AnnualRevenue', 'BillingCity']],
    ['*SSN*SSN*', ['SSN__c', 'Old_SSN__c', 'AnnualRevenue', 'BillingCity']],
    ['*.*__c', ['AnnualRevenue', 'BillingCity']],
    ['Contact.SSN__c', ['SSN__c', 'Old_SSN__c', 'AnnualRevenue', 'BillingCity']],
  ])('%s', (pattern, left) => {
    expect(read({ excludeFields: [pattern] }).fields).toEqual([...KEYS, ...left]);
  });
});

test('a hashed field gets a STRING column that keeps the type of its text', () => {
  expect(read({ hashFields: ['AnnualRevenue'] }).hashed).toMatchObject([
    { name: 'AnnualRevenue', type: 'STRING', hashed: 'NUMERIC', salt: 'ab12' },
  ]);
});

test('a field in both lists is excluded', () => {
  expect(read({ excludeFields: ['*SSN__c'], hashFields: ['SSN__c'] })).toMatchObject({
    fields: [...KEYS, 'AnnualRevenue', 'BillingCity'],
    hashed: [],
  });
});

test('fields that are not approved await approval, except excluded ones and those that every job needs', () => {
  expect(read({ newFields: 'review', approvedFields: ['billingCity'], excludeFields: ['SSN__c'] })).toEqual({
    fields: [...KEYS, 'BillingCity'],
    hashed: [],
    pending: ['Old_SSN__c', 'AnnualRevenue'],
  });
});

describe('what a list may contain', () => {
  const apply = (pattern: string) => () => requireApplicable('exclude_fields', { own: [pattern], all: [pattern] }, JOB, FIELDS);

  test.each(['Id', 'isDeleted', 'CreatedDate', 'SystemModstamp', '*.Created*', 'Account.*'])(
    'not %s, by which rows are matched or ordered',
    (pattern) => {
      expect(apply(pattern)).toThrow(/can be neither excluded nor hashed/);
    },
  );

  test('no name that matches nothing, unless it is a pattern', () => {
    expect(apply('SNN__c')).toThrow(/sees no such field of Account/);
    expect(apply('Contact.SSN__c')).toThrow(/sees no such field of Account/);
    expect(apply('*.SNN__c')).not.toThrow();
    expect(apply('ssn__c')).not.toThrow();
  });

  test('no compound field, whose parts would still be read', () => {
    expect(apply('BillingAddress')).toThrow(/for example Billing\*\./);
    expect(apply('Billing*')).not.toThrow();
  });

  test('no pattern of a connection that matches a field which every job needs', () => {
    expect(() => requireUnprotectedAnywhere('hash_fields', ['Lead.*'])).toThrow(/matches Id/);
    expect(() => requireUnprotectedAnywhere('hash_fields', ['Lead.*__c', 'SSN__c'])).not.toThrow();
  });

  test.each(['SSN__c;x', 'a.b.c', 'Account.', "x'"])('not %s', (text) => {
    expect(() => parsePatterns('exclude_fields', text)).toThrow(/comma-separated list/);
  });

  test('each entry once, whatever its case', () => {
    expect(parsePatterns('hash_fields', ' SSN__c, ssn__C,Rating ,,')).toEqual(['ssn__C', 'Rating']);
  });
});

test('a new job gets the defaults of its connection that concern its object', () => {
  const defaults = { excludeFields: ['*.Secret__c', 'Contact.Phone'], hashFields: ['Email'], newFields: 'review' } as const;
  expect(policyOf('Account', { excludeFields: ['Rating'] }, defaults)).toEqual({
    excludeFields: ['*.Secret__c', 'Rating'],
    hashFields: ['Email'],
    newFields: 'review',
  });
  expect(policyOf('Account', { newFields: 'add' }, defaults)).toMatchObject({ newFields: 'add' });
});

describe('what a change of the policy clears', () => {
  const names = FIELDS.map(({ name }) => name);
  const cleared = (before: Partial<FieldsOfJob>, after: Partial<FieldsOfJob>, recorded: string[] = names) =>
    clearedFields({ ...JOB, ...before }, { ...JOB, ...before, ...after }, names, recorded);

  test('are the fields that are excluded or hashed from now on, or no longer hashed', () => {
    expect(cleared({}, { excludeFields: ['SSN__c'] })).toEqual({ clear: ['SSN__c'], refill: [] });
    expect(cleared({}, { hashFields: ['SSN__c'] })).toEqual({ clear: ['SSN__c'], refill: ['SSN__c'] });
    expect(cleared({ hashFields: ['SSN__c'] }, { hashFields: [] })).toEqual({ clear: ['SSN__c'], refill: ['SSN__c'] });
    expect(cleared({ excludeFields: ['SSN__c'] }, { excludeFields: [] })).toEqual({ clear: [], refill: [] });
  });

  test('are also fields that were read before they were hidden and then had to await approval', () => {
    const pending = { newFields: 'review', approvedFields: ['AnnualRevenue'] } as const;
    expect(cleared(pending, { excludeFields: ['SSN__c'] }).clear).toEqual(['SSN__c']);
    expect(cleared(pending, { hashFields: ['SSN__c'], approvedFields: ['SSN__c'] }).clear).toEqual(['SSN__c']);
    expect(cleared(pending, { approvedFields: ['SSN__c'] }).clear).toEqual([]);
    expect(cleared(pending, { excludeFields: ['SSN__c'] }, ['AnnualRevenue']).clear).toEqual([]);
  });
});
