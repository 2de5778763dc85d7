import { describe, expect, test } from '@jest/globals';
import { excerptOf } from '../../../../app/core/excerpt.ts';
import type { DescribedField } from '../../../../app/core/fields/columns.ts';
import { columnDescriptions, dictionaryOf, withoutValues } from '../../../../app/core/fields/dictionary.ts';

const FIELD: DescribedField = {
  name: 'Rating',
  type: 'picklist',
  label: 'Rating',
  help: null,
  length: 255,
  precision: 0,
  scale: 0,
  calculated: false,
  filterable: true,
  nillable: true,
  formula: null,
  picklist: null,
  refersTo: null,
};

function descriptionOf(field: Partial<DescribedField>): string {
  const column = { field: 'Rating', name: 'Rating', type: 'STRING' } as const;
  const [entry] = dictionaryOf([{ ...FIELD, ...field }], [column]);
  return columnDescriptions([{ ...entry!, since: new Date(), until: null }]).get('rating')!;
}

const numbered = (count: number, text: string): string[] => Array.from({ length: count }, (_, index) => `${text}${index}`);

describe('the description of a column', () => {
  test.each<[string, Partial<DescribedField>, string]>([
    ['a label that is a sentence', { label: 'Ready? ', help: 'Yes or no.' }, 'Ready? Yes or no. Salesforce: picklist(255).'],
    ['digits', { type: 'currency', length: 0, precision: 18, scale: 2 }, 'Rating. Salesforce: currency(18, 2).'],
    ['a boolean', { type: 'boolean', length: 0 }, 'Rating. Salesforce: boolean.'],
    [
      'references',
      { type: 'reference', length: 18, refersTo: excerptOf(['Group', 'User']) },
      'Rating. References: Group; User. Salesforce: reference(18).',
    ],
    [
      'the first 20 of many values',
      { picklist: excerptOf(numbered(23, 'v')) },
      `Rating. Values: ${numbered(20, 'v').join('; ')}; and 3 more. Salesforce: picklist(255).`,
    ],
  ])('contains %s', (_what, field, description) => {
    expect(descriptionOf(field)).toBe(description);
  });

  test('has at most 1,024 characters, with as many whole values as fit', () => {
    const description = descriptionOf({ help: 'h'.repeat(500), picklist: excerptOf(numbered(30, 'x'.repeat(90))) });
    expect(description.length).toBeLessThanOrEqual(1024);
    expect(description).toContain(`; ${'x'.repeat(90)}4; and 25 more. Salesforce: picklist(255).`);
    expect(descriptionOf({ picklist: excerptOf(['x'.repeat(1100)]) })).toBe('Rating. Salesforce: picklist(255).');
  });

  test.each(['L', 'LL'])('is cut between characters, and keeps the type (%s)', (label) => {
    const description = descriptionOf({ label, help: '😀'.repeat(600), picklist: excerptOf(['Hot']) });
    expect(description.length).toBeLessThanOrEqual(1024);
    expect(description).toMatch(/^L+\. 😀+ Salesforce: picklist\(255\)\.$/u);
  });

  test.each<[string, Partial<DescribedField>]>([
    ['whatever they contain', { help: 'How likely.', picklist: excerptOf(['a. Salesforce: b', 'Two\nlines', ' Values: c']) }],
    ['that are many', { picklist: excerptOf(numbered(40, 'x'.repeat(90))) }],
    ['if there are any', { type: 'reference', refersTo: excerptOf(['User']) }],
  ])('is the same without the values, %s', (_what, field) => {
    expect(withoutValues(descriptionOf(field))).toBe(descriptionOf({ ...field, picklist: null }));
  });
});
