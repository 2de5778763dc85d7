import { describe, expect, test } from '@jest/globals';
import { formatTable } from '../../../../app/commands/output/table.ts';
import { widthOf } from '../../../../app/commands/output/text-width.ts';

const column = (name: string, numeric = false) => ({ name, numeric });

/** The lines of a table of text columns. */
const lines = (names: string[], rows: string[][], width = Number.POSITIVE_INFINITY): string[] =>
  formatTable(
    names.map((name) => column(name)),
    rows,
    width,
  );

describe('a table', () => {
  test('aligns numbers to the right and leaves no blanks at the end of a line', () => {
    const rows = [
      ['Acme', '5', ''],
      ['Edge', '1000', 'x'],
    ];
    expect(formatTable([column('Name'), column('n', true), column('note')], rows, 80)).toEqual([
      'Name     n  note',
      '────  ────  ────',
      'Acme     5',
      'Edge  1000  x',
    ]);
  });

  test('as wide as the terminal is left whole; one column less cuts the widest column', () => {
    const rows = [['001', 'a rather long street name']];
    expect(lines(['Id', 'Street'], rows, 30)).toEqual(['Id   Street', `───  ${'─'.repeat(25)}`, '001  a rather long street name']);
    expect(lines(['Id', 'Street'], rows, 29)).toEqual(['Id   Street', `───  ${'─'.repeat(24)}`, '001  a rather long street na…']);
  });

  test('with more columns than fit shows each row as a block', () => {
    const names = Array.from({ length: 10 }, (_, index) => `column_${index}`);
    const rows = [names.map((name) => `value of ${name} ${'x'.repeat(60)}`), names.map(() => 'short')];
    const block = lines(names, rows, 40);
    expect(block.slice(0, 3)).toEqual(['Record 1', 'column_0  value of column_0 xxxxxxxxxxx…', 'column_1  value of column_1 xxxxxxxxxxx…']);
    expect(block.slice(10, 14)).toEqual(['column_9  value of column_9 xxxxxxxxxxx…', '', 'Record 2', 'column_0  short']);
  });

  test.each([20, 40, 80, 200])('never exceeds %i columns, whatever its cells are', (width) => {
    const cells = [
      '',
      'short',
      '東京都千代田区'.repeat(20),
      'e\u0301'.repeat(150),
      '👨‍👩‍👧‍👦🚚'.repeat(60),
      'a\nb\tc\u001b[31m'.repeat(30),
    ];
    for (const count of [1, 2, 5, 12]) {
      const names = Array.from({ length: count }, (_, index) => `${cells[index % cells.length]}${index}`);
      const rows = cells.map((_, row) => names.map((__, index) => cells[(row + index) % cells.length]!));
      expect(Math.max(...lines(names, rows, width).map(widthOf))).toBeLessThanOrEqual(width);
    }
  });

  test('keeps a cell on its line and the terminal under control', () => {
    const [, , line] = lines(['text'], [['two\nlines\t\u001b[2J\u202eabc\r\u0000']]);
    expect(line).toBe('two\\nlines\\t\\u001b[2J\\u202eabc\\r\\u0000');
  });
});

test.each([
  ['plain text', 10],
  ['Žluťoučký', 9],
  ['e\u0301', 1],
  ['東京', 4],
  ['ｶﾅ', 2],
  ['ＡＢ', 4],
  ['한국어', 6],
  ['🚚', 2],
  ['👨‍👩‍👧‍👦', 2],
  ['🇫🇮', 2],
  ['❤️', 2],
  ['a\u200bb', 2],
  ['مرحبا', 5],
])('a terminal draws %s in %i columns', (text, width) => {
  expect(widthOf(text)).toBe(width);
});
