import { expect, test } from '@jest/globals';
import { assign } from '../../../app/store/assign.ts';
import { toRecord } from '../../../app/store/to-record.ts';

test('a row becomes a record with the same values', () => {
  const at = new Date('2023-03-01');
  const record: { id: string; cursorFrom: Date; idFrom: null } = toRecord({ id: '7', cursor_from: at, id_from: null });
  expect(record).toEqual({ id: '7', cursorFrom: at, idFrom: null });
});

test('properties are assigned to their columns: null as NULL, dates as dates, arrays and objects as JSON', () => {
  const at = new Date('2023-03-01');
  expect(assign({ state: 'staged', countAfter: null, createdAt: at, columns: [{ name: 'Id' }], drift: { added: [] } }, 3)).toEqual({
    sql: 'state = $3, count_after = $4, created_at = $5, columns = $6, drift = $7',
    parameters: ['staged', null, at, '[{"name":"Id"}]', '{"added":[]}'],
  });
});
