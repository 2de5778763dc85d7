import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { promisify } from 'node:util';

/** Runs a program until it exits. @returns its stdout @throws Error with its stderr, or with its exit code if that is empty */
export async function run(program: string, args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: string | number; stderr?: string };
    if (code === 'ENOENT') throw new Error(`${program} is not installed or not on the PATH. See "Prerequisites" in infra/README.md.`);
    throw new Error(`${program} ${args.slice(0, 2).join(' ')} failed: ${stderr?.trim() || `exit code ${code}`}`);
  }
}

/** Runs a program that prints JSON. @returns the parsed output @throws Error as `run` does */
export async function runJson<Output>(program: string, args: string[]): Promise<Output> {
  return JSON.parse(await run(program, args)) as Output;
}

/** Runs a program at this terminal. @returns its exit code */
export async function runAttached(program: string, args: string[]): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit' });
  // Ctrl-C reaches the program too. Stay alive until it has shut down cleanly.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + constants.signals[signal ?? 'SIGTERM'];
}
