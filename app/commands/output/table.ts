import { cutTo, padTo, printable, widthOf } from './text-width.ts';

export interface TableColumn {
  name: string;
  /** aligned to the right */
  numeric: boolean;
}

const GAP = '  ';

/** A column that must be cut to less than this shows too little of its values. */
const MIN_CUT = 10;

/**
 * Lines of an aligned table that is at most `width` columns wide. The widest columns are cut first. If they do not fit even then, each row
 * is a block with a line per column.
 * @param width Infinity: nothing is cut
 * @param heading styles the names of the columns
 */
export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width: number,
  heading: (text: string) => string = (text) => text,
): string[] {
  const cells = rows.map((row) => row.map(printable));
  const names = columns.map(({ name }) => printable(name));
  const widths = fitWidths(
    names.map((name, index) => cells.reduce((most, row) => Math.max(most, widthOf(row[index]!)), widthOf(name))),
    width,
  );
  if (!widths) return formatRecords(names, cells, width, heading);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => padTo(cutTo(cell, widths[index]!), widths[index]!, columns[index]!.numeric ? 'left' : 'right'))
      .join(GAP)
      .trimEnd();
  return [heading(line(names)), widths.map((each) => '─'.repeat(each)).join(GAP), ...cells.map(line)];
}

/** @returns undefined if columns would have to be cut too much */
function fitWidths(natural: readonly number[], width: number): number[] | undefined {
  const available = width - GAP.length * (natural.length - 1);
  const capped = (cap: number): number[] => natural.map((each) => Math.min(each, cap));
  const fits = (widths: number[]): boolean => widths.reduce((sum, each) => sum + each, 0) <= available;
  if (fits([...natural])) return [...natural];
  for (let cap = available; cap >= MIN_CUT; cap--) if (fits(capped(cap))) return capped(cap);
  return undefined;
}

function formatRecords(
  names: readonly string[],
  cells: readonly (readonly string[])[],
  width: number,
  heading: (text: string) => string,
): string[] {
  const nameWidth = Math.min(Math.max(...names.map(widthOf)), Math.floor(width / 2));
  const valueWidth = width - nameWidth - GAP.length;
  return cells.flatMap((row, index) => [
    ...(index > 0 ? [''] : []),
    heading(`Record ${index + 1}`),
    ...names.map((name, column) =>
      `${padTo(cutTo(name, nameWidth), nameWidth, 'right')}${GAP}${cutTo(row[column]!, valueWidth)}`.trimEnd(),
    ),
  ]);
}
