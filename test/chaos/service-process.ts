import { type ChildProcess, fork } from 'node:child_process';
import { on, once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAX_LINES = 300;

/** A process of the service, which starts again whenever it ends. */
export class ServiceProcess {
  readonly name: string;
  /** the newest lines of its log, across its lives */
  readonly log: string[] = [];
  /** the runs that it has claimed in this life, each as `run attempt` */
  claims = new Set<string>();
  /** its own address; undefined until it listens */
  url: string | undefined;
  #env: Record<string, string> = {};
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #stopping = false;

  constructor(name: string) {
    this.name = name;
  }

  get isAlive(): boolean {
    return this.#child !== undefined;
  }

  start(env: Record<string, string>): void {
    this.#env = env;
    this.#run();
  }

  /** Waits until it listens. */
  async ready(): Promise<void> {
    while (!this.url) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Kills it at once, or (SIGTERM) lets it release its runs, and waits for its end. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#child?.kill(signal);
    await this.#ended;
  }

  /** Collects its garbage. @returns its pid, and the types of what keeps it alive */
  async collectGarbage(): Promise<{ pid: number; resources: string[] }> {
    await this.ready();
    const child = this.#child!;
    const messages = on(child, 'message', { close: ['exit'] });
    child.send('collect garbage');
    // A process also sends its port when it has started.
    for await (const [message] of messages) if (Array.isArray(message)) return { pid: child.pid!, resources: message as string[] };
    // It ended meanwhile, and is started again.
    return await this.collectGarbage();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.end('SIGKILL');
  }

  #run(): void {
    const file = fileURLToPath(new URL('service.ts', import.meta.url));
    const env = { PATH: process.env.PATH!, CHAOS_PROCESS: this.name, ...this.#env };
    const child = fork(file, { env, execArgv: ['--expose-gc'], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#child = child;
    this.claims = new Set();
    for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on('line', (line) => this.#note(line));
    child.once('message', (port) => {
      this.url = `http://127.0.0.1:${port}`;
    });
    this.#ended = once(child, 'exit').then(() => {
      this.#child = undefined;
      this.url = undefined;
      this.claims = new Set();
      if (!this.#stopping) this.#run();
    });
  }

  #note(line: string): void {
    this.log.push(line);
    if (this.log.length > MAX_LINES) this.log.shift();
    if (!line.includes('"event":"run_claimed"')) return;
    const { run, attempt } = JSON.parse(line) as { run: string; attempt: number };
    this.claims.add(`${run} ${attempt}`);
  }
}
