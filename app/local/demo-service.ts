import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface DemoService {
  child: ChildProcess;
  /** resolves to the service's URL once it is listening */
  listening: Promise<string>;
  ended: Promise<unknown>;
  /** the last lines of its log */
  output: string[];
}

/**
 * Starts the service as a user would, but on any free ports and without this environment's settings: no real org, no real cloud.
 * @param folder for its state
 * @param clock the instant at which the org's clock stands
 */
export function startDemoService(folder: string, clock: string, { PATH, HOME, TMPDIR }: NodeJS.ProcessEnv): DemoService {
  const cli = fileURLToPath(new URL('../cli.ts', import.meta.url));
  const options = ['--data', folder, '--port-base', '0', '--clock', clock, '--no-tick'];
  const child = spawn(process.execPath, [cli, 'serve', '--local', ...options], {
    env: { PATH, HOME, ...(TMPDIR && { TMPDIR }), RUNS_PER_CONNECTION: '4' },
    // If this process is killed, the channel closes and the service stops.
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    detached: true,
  });
  const output: string[] = [];
  const listening = Promise.withResolvers<string>();
  createInterface({ input: child.stdout! }).on('line', (line) => {
    output.push(line);
    if (output.length > 100) output.shift();
    if (line.includes('"event":"listening"')) listening.resolve(`http://127.0.0.1:${(JSON.parse(line) as { port: number }).port}`);
  });
  return { child, listening: listening.promise, ended: once(child, 'exit'), output };
}

/** Rejects when the service exits. */
export async function rejectOnExit({ ended, output }: DemoService): Promise<never> {
  await ended;
  throw new Error(`The service exited unexpectedly. Its last log lines:\n${output.join('\n')}`);
}

/** Calls the API with form fields, as the contract's curl lines do. */
export async function callApi(url: string, fields: Record<string, string> = {}): Promise<string> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  const response = await fetch(url, Object.keys(fields).length > 0 ? { method: 'POST', body: form } : {});
  const text = await response.text();
  if (!response.ok) throw new Error(`${new URL(url).pathname} returned HTTP ${response.status}: ${text}`);
  return text;
}

/** Presses Allow on the consent page, as a user would. @returns the code from the redirect */
export async function allow(authorizeUrl: string): Promise<string> {
  const page = await (await fetch(authorizeUrl)).text();
  const fields = new URLSearchParams({ decision: 'allow' });
  for (const [, name, value] of page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g))
    fields.set(name!, unescapeHtml(value!));
  const response = await fetch(authorizeUrl, { method: 'POST', body: fields, redirect: 'manual' });
  const code = URL.parse(response.headers.get('location') ?? '')?.searchParams.get('code');
  if (!code) throw new Error(`The consent page returned no authorization code (HTTP ${response.status}).`);
  return code;
}

function unescapeHtml(text: string): string {
  const entities: Record<string, string> = { '&amp;': '&', '&quot;': '"', '&#39;': "'", '&lt;': '<', '&gt;': '>' };
  return text.replace(/&(?:amp|quot|#39|lt|gt);/g, (entity) => entities[entity]!);
}

export async function setClock(clockUrl: string, now: string): Promise<void> {
  const response = await fetch(clockUrl, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ now }) });
  if (!response.ok) throw new Error(`Cannot set the emulators' clock to ${now}: ${await response.text()}`);
}
