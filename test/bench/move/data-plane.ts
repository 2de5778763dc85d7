import { Program } from '../program.ts';
import { FIRST_PAGES, type Moved, WARM_UP_PAGES } from './move.ts';

export type Way = 'move-by-service' | 'move-by-pipe' | 'move-by-tuned-pipe' | 'move-by-parsing';

/** Those with the service's settings, which it applies before it loads anything else. */
const TUNED: readonly Way[] = ['move-by-service', 'move-by-tuned-pipe'];
const V8_SETTINGS = new URL('../../../app/v8-settings.ts', import.meta.url).href;

/** Ten pages have a million rows. */
const PAGE_ROWS = 100_000;
const COLUMNS = 20;

interface Source {
  url: string;
  columns: string[];
  bytes: number;
}

/** A source, a sink and a mover between them, each in a separate process. */
export class DataPlane implements AsyncDisposable {
  readonly #source: Program;
  readonly #sink: Program;

  private constructor(source: Program, sink: Program) {
    this.#source = source;
    this.#sink = sink;
  }

  static async start(columns = COLUMNS): Promise<DataPlane> {
    const source = await Program.start('move/source.ts', { args: [String(PAGE_ROWS), String(columns)] });
    return new DataPlane(source, await Program.start('move/sink.ts'));
  }

  /** Moves `millions` million rows in a new process. @throws Error if any did not arrive */
  async move(way: Way, millions: number, profiled?: 'profiled'): Promise<Moved> {
    const { url: sourceUrl, columns, bytes } = this.#source.started as Source;
    const { url: sinkUrl } = this.#sink.started as { url: string };
    const pages = (millions * 1_000_000) / PAGE_ROWS;
    const errand = JSON.stringify({ sourceUrl, sinkUrl, pages, columns });
    await using mover = await Program.start('move/mover.ts', {
      args: [way, errand, ...(profiled ? [profiled] : [])],
      execArgv: TUNED.includes(way) ? ['--import', V8_SETTINGS] : [],
    });
    const moved = mover.started as Moved;
    const received = await this.#sink.ask<number>('received');
    const isComplete = way === 'move-by-parsing' || received === bytes * (FIRST_PAGES + WARM_UP_PAGES + pages);
    if (moved.rows !== pages * PAGE_ROWS || !isComplete) {
      throw new Error(`${way} moved only ${moved.rows} rows and ${received} bytes.`);
    }
    return moved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]();
    await this.#sink[Symbol.asyncDispose]();
  }
}
