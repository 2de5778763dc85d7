import { describe, expect, test } from '@jest/globals';
import { type Stage, stagesOf, stagesSoFar } from '../../../../app/core/runs/receipt-stages.ts';
import { RECEIPT } from '../../../support/receipt.ts';

const byName = (stages: Stage[]): Record<string, Stage> => Object.fromEntries(stages.map((stage) => [stage.stage, stage]));

describe('the stages of a receipt', () => {
  test('lead from Salesforce to the target table, each with its count', () => {
    const stages = stagesOf(RECEIPT);
    expect(stages.map(({ stage }) => stage)).toEqual([
      ...['salesforce_before', 'salesforce_after', 'processed', 'rows_in_pages', 'loaded', 'staged'],
      ...['distinct_ids', 'delta_rows', 'merged'],
    ]);
    for (const { rows } of stages) expect(rows).toBe(7);
    expect(stages.map(({ agrees }) => agrees)).toEqual([null, ...Array<boolean>(8).fill(true)]);
    for (const { note } of stages) expect(note).toBeNull();
  });

  test('show a count that differs, and which one', () => {
    const { loaded, staged } = byName(stagesOf({ ...RECEIPT, loaded: 6 }));
    expect(loaded).toMatchObject({ rows: 6, agrees: false });
    expect(staged).toMatchObject({ rows: 7, agrees: false });
  });

  test('explain rows that changed while they were read', () => {
    const { salesforce_after, processed } = byName(stagesOf({ ...RECEIPT, salesforce_after: 9, verdict: 'within 2' }));
    expect(salesforce_after).toMatchObject({ agrees: true, note: 'Rows changed while they were read.' });
    expect(processed).toMatchObject({ agrees: true, note: "Between Salesforce's counts: within 2." });
  });

  test('say that Salesforce did not count, and what an operator accepted', () => {
    const uncounted = byName(stagesOf({ ...RECEIPT, salesforce_before: null, salesforce_after: null, verdict: 'not counted' }));
    expect(uncounted).toMatchObject({ salesforce_before: { rows: null, agrees: null }, processed: { rows: 7, agrees: null } });
    expect(uncounted.salesforce_after!.note).toBe('Salesforce did not count the rows.');
    const accepted = byName(stagesOf({ ...RECEIPT, salesforce_before: 9, salesforce_after: 9, verdict: 'accepted: 2 rows are missing' }));
    expect(accepted.processed).toMatchObject({ agrees: false, note: 'An operator accepted: 2 rows are missing.' });
  });

  test('explain rows that count once, rows that changed between field groups, and rows that the table has already', () => {
    const { distinct_ids, delta_rows, merged } = byName(
      stagesOf({ ...RECEIPT, distinct_ids: 6, torn: 1, delta_rows: 5, inserted: 2, updated: 1 }),
    );
    expect(distinct_ids).toMatchObject({ agrees: true, note: '1 row was read again in another slice, and counts once.' });
    expect(delta_rows).toMatchObject({
      agrees: true,
      note: '1 row changed between the queries of its field groups: a later window imports it.',
    });
    expect(merged).toMatchObject({ rows: 3, agrees: true, note: 'The table has 2 of them already as new or newer, or they are deleted.' });
    expect(byName(stagesOf({ ...RECEIPT, inserted: 8 })).merged).toMatchObject({ agrees: false });
  });

  test('end with the table that was replaced', () => {
    expect(stagesOf({ ...RECEIPT, inserted: 0, rows_before: 3, rows_after: 7 }).at(-1)).toEqual({
      stage: 'target',
      rows: 7,
      agrees: true,
      note: null,
    });
    expect(stagesOf({ ...RECEIPT, rows_after: 6 }).at(-1)).toMatchObject({ rows: 6, agrees: true, note: expect.any(String) });
  });

  test('end with the rows that were compared, and those that a sweep marked', () => {
    const compared = { ...RECEIPT, inserted: 0, equal: 4, different: 1, absent: 1, not_judged: 1 };
    expect(stagesOf(compared).at(-1)).toEqual({
      stage: 'compared',
      rows: 6,
      agrees: true,
      note: '1 of them is not due, was synced meanwhile, or is deleted.',
    });
    for (const [missing, note] of [
      [0, null],
      [1, 'Salesforce no longer has 1 row of the table.'],
      [2, 'Salesforce no longer has 2 rows of the table.'],
    ] as const) {
      const merged = stagesOf({ ...compared, missing, updated: missing }).at(-1);
      expect(merged).toEqual({ stage: 'merged', rows: missing, agrees: null, note });
    }
  });

  test('of an erasure count what it erased', () => {
    expect(stagesOf({ ...RECEIPT, rows_erased: { Account: 2, _invalid_values: 1 } })).toEqual([
      { stage: 'erased', rows: 3, agrees: null, note: null },
    ]);
  });

  test('of a run that read nothing are the rows that it treated', () => {
    const stages = stagesOf({ ...RECEIPT, methods: [], delta_rows: 0, inserted: 0, updated: 2, deleted: 1 });
    expect(stages).toEqual([expect.objectContaining({ stage: 'merged', rows: 3, agrees: null })]);
  });

  test('of an older receipt lack what it does not state', () => {
    expect(byName(stagesOf({ processed: 7, verdict: 'exact' }))).toMatchObject({
      processed: { rows: 7 },
      staged: { rows: null, agrees: null },
    });
  });
});

test('a run that has not succeeded has counted what is known of its slices', () => {
  const slice = { countBefore: 5, countAfter: null, processed: 5, staged: null };
  const pages = [
    { rows: 3, loaded: 3 },
    { rows: 2, loaded: null },
  ];
  const stages = stagesSoFar([{ ...slice, pages }]);
  expect(stages.map(({ stage, rows }) => [stage, rows])).toEqual([
    ['salesforce_before', 5],
    ['salesforce_after', null],
    ['processed', 5],
    ['rows_in_pages', 5],
    ['loaded', 3],
    ['staged', null],
  ]);
  for (const { agrees } of stages) expect(agrees).toBeNull();
  for (const { rows } of stagesSoFar([])) expect(rows).toBeNull();
});
