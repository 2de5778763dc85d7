import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a program to its end. @returns what it printed @throws Error with the program's own words */
export async function run(program: string, args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: string | number; stderr?: string };
    if (code === 'ENOENT') throw new Error(`${program} is not installed, or not on the PATH.`);
    throw new Error(`${program} ${args.slice(0, 2).join(' ')} failed: ${stderr?.trim() || `exit code ${code}`}`);
  }
}

/** Runs a program that prints JSON. */
export async function runJson<Answer>(program: string, args: string[]): Promise<Answer> {
  return JSON.parse(await run(program, args)) as Answer;
}
