import { cutTo } from './text-width.ts';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_BELOW = '\u001b[0J';

/** Lines at the end of a terminal that are drawn again in place, below lines that stay. They never exceed the terminal. */
export class LiveLines {
  readonly #out: NodeJS.WriteStream;
  #drawn = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    out.write(HIDE_CURSOR);
  }

  /** How many columns and lines fit. */
  get size(): { columns: number; rows: number } {
    return { columns: this.#out.columns || 80, rows: this.#out.rows || 24 };
  }

  /** Replaces the live lines. @param above lines that stay, above them */
  draw(lines: readonly string[], above: readonly string[] = []): void {
    const { columns, rows } = this.size;
    // A line as wide as the terminal would wrap in some.
    const fitting = lines.slice(0, rows - 1).map((line) => cutTo(line, columns - 1));
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A\r` : '\r';
    this.#out.write(`${up}${CLEAR_BELOW}${[...above, ...fitting].map((line) => `${line}\n`).join('')}`);
    this.#drawn = fitting.length;
  }

  /** Leaves the last lines as they are. */
  end(): void {
    this.#out.write(SHOW_CURSOR);
  }
}
