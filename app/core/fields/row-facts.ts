import { isCastable } from './castable.ts';
import type { FieldColumn } from './columns.ts';
import { PARTITION_FIELD } from './partitioning.ts';

/** What merging the rows of a slice takes to know, counted from their text while it was read: each row can be typed exactly as it is. */
export interface RowFacts {
  /** of the slice, when they were counted */
  readonly generation: number;
  /** the fields whose values were checked, with the type of their column */
  readonly checked: readonly string[];
  /** all rows have different Ids */
  readonly rows: number;
  readonly firstId: string;
  readonly lastId: string;
  /** of CreatedDate, for example 2023-02; undefined: a row has none */
  readonly months: readonly string[] | undefined;
  readonly deletedRows: number;
  /** rows with a cursor before the end of the slice */
  readonly rowsBeforeEnd: number;
}

/** As many as a window may have that is read by REST. More would take memory for their Ids. */
const MAX_ROWS = 10_000;

/** What the facts of a slice depend on, besides its rows. */
export interface FactsOf {
  generation: number;
  /** in the order of the values of a row */
  columns: readonly FieldColumn[];
  cursorField: string;
  /** the end of the slice */
  cursorTo: Date;
}

/** Counts the rows of a slice while they are read. */
export class RowFactsCounter {
  readonly #of: FactsOf;
  readonly #ids = new Set<string>();
  readonly #months = new Set<string>();
  readonly #positions: { id: number; cursor: number; isDeleted: number; created: number };
  #rows = 0;
  #deletedRows = 0;
  #rowsBeforeEnd = 0;
  #isCertain = true;

  constructor(of: FactsOf) {
    this.#of = of;
    const position = (name: string): number => of.columns.findIndex(({ field }) => field === name);
    this.#positions = {
      id: position('Id'),
      cursor: position(of.cursorField),
      isDeleted: position('IsDeleted'),
      created: position(PARTITION_FIELD),
    };
  }

  /** @param values of a row, in the order of the columns; null or empty: no value */
  add(values: readonly (string | null)[]): void {
    if (!this.#isCertain) return;
    const { columns, cursorTo } = this.#of;
    const at = (position: number): string => values[position] ?? '';
    const [id, cursor] = [at(this.#positions.id), at(this.#positions.cursor)];
    const isUsable = id !== '' && cursor !== '' && this.#rows < MAX_ROWS && columns.every(({ type }, index) => isCastable(type, at(index)));
    if (!isUsable) {
      this.#isCertain = false;
      this.#ids.clear();
      return;
    }
    this.#rows++;
    this.#ids.add(id);
    this.#months.add(at(this.#positions.created).slice(0, 7));
    if (at(this.#positions.isDeleted) === 'true') this.#deletedRows++;
    if (Date.parse(cursor.replace('+0000', 'Z')) < cursorTo.getTime()) this.#rowsBeforeEnd++;
  }

  /** Undefined unless every row is certain to be typed exactly, has an Id of its own and a cursor, and there are not too many. */
  facts(): RowFacts | undefined {
    if (!this.#isCertain || this.#rows === 0 || this.#ids.size !== this.#rows) return undefined;
    const ids = [...this.#ids].sort();
    const { generation, columns } = this.#of;
    return {
      generation,
      checked: checkedFields(columns),
      rows: this.#rows,
      firstId: ids[0]!,
      lastId: ids.at(-1)!,
      months: this.#months.has('') ? undefined : [...this.#months].sort(),
      deletedRows: this.#deletedRows,
      rowsBeforeEnd: this.#rowsBeforeEnd,
    };
  }
}

/** Whether the facts are those of the present generation and columns; fewer columns than were checked are as certain. */
export function areFactsOf(facts: RowFacts, generation: number, columns: readonly FieldColumn[]): boolean {
  return facts.generation === generation && checkedFields(columns).every((field) => facts.checked.includes(field));
}

/** Text needs no check. */
function checkedFields(columns: readonly FieldColumn[]): string[] {
  return columns.filter(({ type }) => type !== 'STRING').map(({ field, type }) => `${field} ${type}`);
}
