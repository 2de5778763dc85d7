import { checkDeployment } from './deployment.ts';
import { run } from './program.ts';
import { runCommand } from './run-command.ts';
import { type Aws, readStackConfig, type Stack } from './stack.ts';

/** The generated keys that can be rotated, by the name of the argument: their configuration key. */
const LISTS: Record<string, 'tickKeys' | 'tokenKeys'> = { tick: 'tickKeys', token: 'tokenKeys' };

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
 * @throws Error if the previous step does not run, because only tasks that do know its keys
 */
export async function rotate(what: string | undefined, stack: Stack, aws: Aws, print: (line: string) => void): Promise<number> {
  const list = LISTS[what ?? ''];
  if (!list) throw new Error(`Name what to rotate: ${Object.keys(LISTS).join(' or ')}.`);
  const before = JSON.parse((await readStackConfig())[list] ?? '[1]') as number[];
  const { keys, does } = nextStep(before);
  await requireDeployed(list, before, stack, aws);
  const removesToken = what === 'token' && keys.length < before.length;
  if (removesToken) {
    // Pulumi protects a resource that left the program as it was last deployed: it is too late then.
    if (stack.protect) throw new Error(protects(before.at(-1)!));
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
  else if (removesToken) print('If you set protect to false for this, set it back then, and run `npm run pulumi -- up` again.');
  return 0;
}

async function requireDeployed(list: 'tickKeys' | 'tokenKeys', keys: number[], stack: Stack, aws: Aws): Promise<void> {
  const deployed = stack[list];
  if (deployed?.join() !== keys.join()) {
    const what = deployed ? `[${deployed.join(', ')}]` : 'nothing';
    throw new Error(
      `${list} is [${keys.join(', ')}] in the file of the stack, but ${what} is deployed. Run \`npm run pulumi -- up\`, then \`npm run op -- smoke\`, then this command again.`,
    );
  }
  const fault = await checkDeployment(stack, aws);
  if (fault) throw new Error(fault);
}

const protects = (key: number): string =>
  `The stack protects key ${key}, and would refuse to delete it. Run \`npm run pulumi -- config set protect false\` and \`npm run pulumi -- up\`, then this command again.`;
