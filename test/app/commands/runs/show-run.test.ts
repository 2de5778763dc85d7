import { expect, test } from '@jest/globals';
import type { DetailedRunView } from '../../../../app/commands/remote/views.ts';
import { showRun } from '../../../../app/commands/runs/show-run.ts';
import { runOfJobExample } from '../../../../app/http/schemas/run.ts';

/** The lines of a receipt, without the blanks that align them. */
function receiptLines(receipt: DetailedRunView['receipt']): string[] {
  const run = runOfJobExample({ state: 'succeeded', step: null, receipt });
  const lines = showRun(run as DetailedRunView).map((line) => line.replace(/ {2,}/, ' '));
  return lines.slice(lines.findIndex((line) => line.startsWith('state')) + 1);
}

test('a receipt is shown as text, without what it has nothing of', () => {
  const retyped = { field: 'Size__c', type: 'STRING', column: 'Size__c_2', column_type: 'STRING', how: 'new_column' } as const;
  expect(
    receiptLines({
      processed: 13_995,
      inserted: 0,
      reread_from: null,
      verdict: 'exact',
      invalid_values: { Amount: 1_204, CloseDate: 3 },
      rows_erased: {},
      columns_added: [],
      columns_orphaned: ['Old__c', 'Older__c'],
      fields_retyped: [retyped],
      methods: ['bulk: 13,995 rows, more than 10,000', 'rest: 12 rows, at most 10,000'],
      salesforce_calls: 1.25,
    }),
  ).toEqual([
    'processed 13,995',
    'inserted 0',
    'verdict exact',
    'invalid_values Amount: 1,204; CloseDate: 3',
    'columns_orphaned Old__c; Older__c',
    'fields_retyped field: Size__c, type: STRING, column: Size__c_2, column_type: STRING, how: new_column',
    'methods bulk: 13,995 rows, more than 10,000; rest: 12 rows, at most 10,000',
    'salesforce_calls 1.25',
    'cost not counted',
  ]);
});
