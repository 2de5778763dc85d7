/** Between two lines, if the output is no terminal. */
const INTERVAL_MS = 10_000;

/** Shows on standard error how far a long command is: one line that changes, or a line every ten seconds if that is no terminal. */
export class ProgressLine {
  readonly #what: string;
  readonly #all: number;
  #done = 0;
  #failed = 0;
  #shownAt = Date.now();

  /** @param what the things that are counted @param all how many there are */
  constructor(what: string, all: number) {
    this.#what = what;
    this.#all = all;
  }

  /** Counts one more. */
  count(failed: boolean): void {
    this.#done++;
    if (failed) this.#failed++;
    const { isTTY } = process.stderr;
    if (!isTTY && Date.now() - this.#shownAt < INTERVAL_MS) return;
    this.#shownAt = Date.now();
    process.stderr.write(isTTY ? `\r${this.#text()}\u001b[K` : `${this.#text()}\n`);
  }

  /** Removes the line that changes. */
  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }

  #text(): string {
    const failed = this.#failed > 0 ? `, ${this.#failed.toLocaleString('en')} of them refused` : '';
    return `${this.#done.toLocaleString('en')} of ${this.#all.toLocaleString('en')} ${this.#what}${failed} …`;
  }
}
