import { run } from './program.ts';
import { runCommand } from './run-command.ts';
import type { Aws, Stack } from './stack.ts';

/** The generated keys that can be rotated, by the name of the argument: their configuration key. */
const LISTS: Record<string, string> = { tick: 'tickKeys', token: 'tokenKeys' };

/** What a rotation does next: the new list of key numbers, and what the operator does after it. */
export interface Step {
  keys: number[];
  does: string;
}

/**
 * The next step of a rotation, which the list itself says: [1] adds a key, [1, 2] puts it first, [2, 1] removes the old one. Every step is a
 * deployment of its own, so that all tasks accept a key before it is used.
 * @throws Error if the list is none of these
 */
export function nextStep(keys: number[]): Step {
  const [first, second, ...others] = keys;
  if (first !== undefined && second === undefined) return { keys: [first, first + 1], does: `adds key ${first + 1}` };
  if (first === undefined || second === undefined || others.length > 0) {
    throw new Error(`The list is [${keys.join(', ')}]. A rotation needs one or two keys: remove the others first.`);
  }
  if (first < second) return { keys: [second, first], does: `uses key ${second}` };
  return { keys: [first], does: `removes key ${second}` };
}

/**
 * Takes the next step of a rotation: writes the new list to the stack's file, and says what to run. Before a token key is removed, seals
 * what it still seals with the new one.
 * @returns the exit code
 */
export async function rotate(what: string | undefined, stack: Stack, aws: Aws, print: (line: string) => void): Promise<number> {
  const list = LISTS[what ?? ''];
  if (!list) throw new Error(`Name what to rotate: ${Object.keys(LISTS).join(' or ')}.`);
  const before = JSON.parse(await run('pulumi', ['config', 'get', list]).catch(() => '[1]')) as number[];
  const { keys, does } = nextStep(before);
  if (what === 'token' && keys.length < before.length) {
    const code = await runCommand(stack, aws, ['reseal'], print);
    if (code !== 0) {
      print('Rows still need the old key, so it stays. Run this command again.');
      return code;
    }
  }
  for (const [position, key] of keys.entries()) await run('pulumi', ['config', 'set', '--path', `${list}[${position}]`, String(key)]);
  if (keys.length < before.length) await run('pulumi', ['config', 'rm', '--path', `${list}[1]`]);
  print(`${list} is now [${keys.join(', ')}], which ${does}. Run \`npm run pulumi -- up\`, then \`npm run op -- smoke\`.`);
  if (keys.length > 1) print(`If every check passes, run \`npm run op -- rotate ${what}\` again.`);
  else if (what === 'token') print('A protected stack refuses to delete the key: set protect to false for this update, and back after it.');
  return 0;
}
