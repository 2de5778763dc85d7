import { describe, expect, test } from '@jest/globals';
import { type Drift, NO_DRIFT } from '../../../../app/core/fields/drift.ts';
import { RUN_COLUMNS, SCHEMA_CHANGE_COLUMNS } from '../../../../app/core/fields/metadata-tables.ts';
import { type EndedRun, schemaChangesOf, toRunRow } from '../../../../app/core/runs/run-rows.ts';
import { RECEIPT } from '../../../support/receipt.ts';

const run: EndedRun = {
  runId: 'run-1',
  jobId: 'job-1',
  objectName: 'Account',
  targetTable: 'Account',
  kind: 'window',
  windowFrom: new Date('2023-03-01T00:00:00Z'),
  windowTo: new Date('2023-03-20T00:00:00Z'),
  state: 'succeeded',
  errorCode: null,
  attempt: 2,
  createdAt: new Date('2023-03-20T00:10:00Z'),
  startedAt: new Date('2023-03-20T00:10:01Z'),
  finishedAt: new Date('2023-03-20T00:10:03.500Z'),
  receipt: RECEIPT,
  actions: [],
  bytesBilled: 20,
  drift: NO_DRIFT,
  previousDrift: null,
};

describe('the row of a run', () => {
  test('has a value for every column, and no other', () => {
    expect(Object.keys(toRunRow(run)).sort()).toEqual(RUN_COLUMNS.map(({ name }) => name).sort());
  });

  test('counts what the receipt counts, and what the run cost over all attempts', () => {
    const receipt = { ...RECEIPT, invalid_values: { Amount: 2, Score__c: 1 }, methods: ['rest: few rows', 'bulk: many', 'rest: few rows'] };
    const at = '2023-03-20T00:05:00.000Z';
    const actions = (['retry', 'accept'] as const).map((action) => ({ action, by: 'ops', at }));
    expect(toRunRow({ ...run, receipt, actions })).toMatchObject({
      verdict: 'exact',
      actions: `retry by ops at ${at}, accept by ops at ${at}`,
      staged: 7,
      invalid_values: 3,
      invalid_columns: 'Amount 2, Score__c 1',
      api: 'bulk, rest',
      slices: 3,
      bytes_billed: 20,
      duration_seconds: 2.5,
      window_from: '2023-03-01T00:00:00.000Z',
    });
  });

  test('has no counts without a receipt, and no duration if no worker claimed it', () => {
    const cancelled = { ...run, state: 'cancelled', errorCode: 'taken_over', receipt: null, startedAt: null };
    const none = { verdict: null, staged: null, invalid_values: null, invalid_columns: null, api: null, slices: null, pages: null };
    expect(toRunRow(cancelled)).toMatchObject({ ...none, error_code: 'taken_over', duration_seconds: null, bytes_billed: 20 });
  });

  test('is complete for a receipt and a window of another kind or release', () => {
    const other = toRunRow({ ...run, kind: 'sweep', windowFrom: null, windowTo: null, receipt: { verdict: 'exact' } });
    expect(other).toMatchObject({ kind: 'sweep', window_from: null, verdict: 'exact', staged: null, reread_from: null, api: null });
    expect(Object.values(other)).not.toContain(undefined);
  });
});

describe('the schema changes of a run', () => {
  const drift: Drift = {
    added: ['Amount__c_string'],
    orphaned: ['Amount__c', 'Phone'],
    retyped: [{ field: 'Amount__c', type: 'STRING', column: 'Amount__c_string', column_type: 'STRING', how: 'new_column' }],
    emptied: [],
    skipped: ['Secret__c (INVALID_FIELD)', 'Shape__c (polygon)'],
  };
  const changes = (previousDrift: Drift | null): unknown[][] =>
    schemaChangesOf({ ...run, drift, previousDrift }).map(({ change, field, column_name, detail }) => [change, field, column_name, detail]);

  test('are all that its drift lists if no run before it had any', () => {
    expect(changes(null)).toEqual([
      ['column_added', null, 'Amount__c_string', null],
      ['column_orphaned', null, 'Amount__c', null],
      ['column_orphaned', null, 'Phone', null],
      ['field_retyped', 'Amount__c', 'Amount__c_string', 'new_column'],
      ['field_skipped', 'Secret__c', null, 'INVALID_FIELD'],
      ['field_skipped', 'Shape__c', null, 'polygon'],
    ]);
  });

  test('are not those that the run before it had already', () => {
    const before: Drift = { added: [], orphaned: ['Phone'], emptied: [], retyped: drift.retyped, skipped: ['Secret__c (INVALID_FIELD)'] };
    expect(changes(before).map(([change, field, column]) => [change, field ?? column])).toEqual([
      ['column_added', 'Amount__c_string'],
      ['column_orphaned', 'Amount__c'],
      ['field_skipped', 'Shape__c'],
    ]);
    expect(changes({ ...drift, added: [] })).toHaveLength(1);
  });

  test('are none if it ended before it applied its schema', () => {
    expect(schemaChangesOf({ ...run, drift: null })).toEqual([]);
  });

  test('have a value for every column, and no other', () => {
    for (const row of schemaChangesOf({ ...run, drift })) {
      expect(Object.keys(row).sort()).toEqual(SCHEMA_CHANGE_COLUMNS.map(({ name }) => name).sort());
    }
  });
});
