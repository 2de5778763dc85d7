import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ProgramOptions {
  args?: string[];
  env?: NodeJS.ProcessEnv;
  execArgv?: string[];
  /** The program is ready once it prints a line with this text or, if omitted, once it sends its first message. */
  upWhen?: string;
}

/** A process of the benchmark. Each measured part is a separate process, so that its usage can be measured separately. */
export class Program implements AsyncDisposable {
  /** the message or line with which it reported that it was ready */
  readonly started: unknown;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess, ended: Promise<unknown>, started: unknown) {
    this.#child = child;
    this.#ended = ended;
    this.started = started;
  }

  /** Starts a TypeScript file, by its path from this folder, and waits until it is ready. @throws Error if it exits first */
  static async start(file: string, { args = [], env, execArgv = [], upWhen }: ProgramOptions = {}): Promise<Program> {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
      execArgv,
      ...(env && { env }),
      stdio: ['ignore', upWhen ? 'pipe' : 'inherit', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit');
    const ready = upWhen ? lineWith(child, upWhen) : once(child, 'message').then(([message]) => message as unknown);
    return new Program(child, ended, await Promise.race([ready, failed(file, ended)]));
  }

  /** Sends a question and returns the next message. Only one question may be open at a time. */
  async ask<Answer>(question: string): Promise<Answer> {
    const answer = once(this.#child, 'message');
    this.#child.send(question);
    const [message] = (await Promise.race([answer, failed('A program', this.#ended)])) as [Answer];
    return message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

async function lineWith(child: ChildProcess, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  // Keeps reading until the end, because a full pipe would block the program.
  createInterface({ input: child.stdout! }).on('line', (line) => {
    if (line.includes(text)) resolve(line);
  });
  return await promise;
}

async function failed(file: string, ended: Promise<unknown>): Promise<never> {
  await ended;
  throw new Error(`${file} exited unexpectedly. See its output above.`);
}
