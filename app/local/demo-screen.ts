import { styleText } from 'node:util';
import yoctoSpinner, { type Spinner } from 'yocto-spinner';
import { formatTable, type TableColumn } from '../commands/output/table.ts';

type Style = Parameters<typeof styleText>[0];

/** What the demo and `connect` print: numbered steps with their results; colors and a spinner where the terminal has them. */
export interface Screen {
  /** Prints a line of text. */
  say(line?: string, style?: Style): void;
  /** Starts the next step. */
  step(title: string): void;
  /** Prints lines below the step's title. */
  detail(line: string, style?: Style): void;
  /** Shows what it is waiting for, which may change, until `work` settles. @returns its result and how long it took: " (3.1 s)", "" for no time */
  wait<T>(what: string | (() => string), work: Promise<T>): Promise<[T, string]>;
  passed(line: string): void;
  failed(line: string): void;
  /** Prints a table that fits the terminal; a column with the name in parentheses is aligned to the right. */
  table(names: readonly string[], rows: readonly (readonly string[])[]): void;
  /** Removes the spinner, if any. */
  close(): void;
}

/** The width of what is not written to a terminal, and at most that of texts in a wider one. */
const WIDTH = 80;
const INDENT = '       ';
const REFRESH_MS = 200;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'].map((frame) => INDENT + frame);

/** @param steps how many there will be */
export function openScreen(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv, steps: number): Screen {
  const isAnimated = stream.isTTY && !('CI' in env) && env.TERM !== 'dumb';
  let spinner: Spinner | undefined;
  let step = 0;

  const style = (text: string, how: Style | undefined): string => (how ? styleText(how, text, { stream }) : text);
  const say = (line = '', how?: Style): void => void stream.write(`${style(line, how)}\n`);
  const detail = (line: string, how?: Style): void => say(INDENT + line, how);
  const close = (): void => {
    spinner?.stop();
    spinner = undefined;
  };
  return {
    say,
    detail,
    close,
    step: (title) => say(`\n${style(`${String(++step).padStart(2)}/${steps}`, 'cyan')}  ${style(title, 'bold')}`),
    async wait(what, work) {
      const since = performance.now();
      // Signals stop the demo, which then stops its service: the spinner must not exit first.
      const text = typeof what === 'string' ? () => what : what;
      if (isAnimated)
        spinner = yoctoSpinner({ text: text(), stream, handleSignals: false, spinner: { frames: FRAMES, interval: 80 } }).start();
      const changing = setInterval(() => {
        if (spinner) spinner.text = text();
      }, REFRESH_MS);
      try {
        const result = await work;
        const seconds = ((performance.now() - since) / 1000).toFixed(1);
        return [result, seconds === '0.0' ? '' : ` (${seconds} s)`];
      } finally {
        clearInterval(changing);
        close();
      }
    },
    passed: (line) => detail(`${style('✓', 'green')} ${line}`),
    failed: (line) => detail(`${style('✗', 'red')} ${line}`),
    table(names, rows) {
      const columns: TableColumn[] = names.map((name) => ({ name: name.replace(/^\((.*)\)$/, '$1'), numeric: name.startsWith('(') }));
      const width = (stream.columns || WIDTH) - INDENT.length;
      for (const line of formatTable(columns, rows, width, (heading) => style(heading, 'dim'))) detail(line);
    },
  };
}
