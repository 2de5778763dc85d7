import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ProgramOptions {
  args?: string[];
  env?: NodeJS.ProcessEnv;
  execArgv?: string[];
  /** The program is up when it has written a line with this text; unless given, when it has sent its first message. */
  upWhen?: string;
}

/** A process of this benchmark: one part of what is measured, so that each part's use can be told from the others'. */
export class Program implements AsyncDisposable {
  /** the message that it sent when it was up, or the line that it wrote */
  readonly started: unknown;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess, ended: Promise<unknown>, started: unknown) {
    this.#child = child;
    this.#ended = ended;
    this.started = started;
  }

  /** Starts a TypeScript file by its path from this folder, and waits until it is up. */
  static async start(file: string, { args = [], env, execArgv = [], upWhen }: ProgramOptions = {}): Promise<Program> {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
      execArgv,
      ...(env && { env }),
      stdio: ['ignore', upWhen ? 'pipe' : 'inherit', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit');
    const up = upWhen ? lineWith(child, upWhen) : once(child, 'message').then(([message]) => message as unknown);
    return new Program(child, ended, await Promise.race([up, failed(file, ended)]));
  }

  /** Sends a question and gives the next message. Ask one thing at a time. */
  async ask<Answer>(question: string): Promise<Answer> {
    const answer = once(this.#child, 'message');
    this.#child.send(question);
    const [message] = (await Promise.race([answer, failed('a program', this.#ended)])) as [Answer];
    return message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

async function lineWith(child: ChildProcess, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  // Reads on to the end: a pipe that nobody empties would stop the program.
  createInterface({ input: child.stdout! }).on('line', (line) => {
    if (line.includes(text)) resolve(line);
  });
  return await promise;
}

async function failed(file: string, ended: Promise<unknown>): Promise<never> {
  await ended;
  throw new Error(`${file} ended by itself: its output above says why.`);
}
