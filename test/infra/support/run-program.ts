import * as pulumi from '@pulumi/pulumi';
import { callFunction, createResource, type Properties } from './cloud.ts';
import { reveal } from './secret-mark.ts';
import { project, type StackName, secretKeys, stackConfig } from './stack-config.ts';

/** A resource that the program registered. */
export interface Recorded {
  type: string;
  name: string;
  /** with secrets in plain text */
  inputs: Properties;
  /** as received, with secrets marked */
  marked: Properties;
}

export interface ProgramRun {
  resources: Recorded[];
  outputs: Properties;
  /** all resources of a type */
  all(type: string): Recorded[];
  /** the only resource of a type whose name ends with `part` */
  one(type: string, part?: string): Recorded;
}

export interface ProgramOptions {
  changes?: Record<string, unknown>;
  /** values that the clouds assign are unknown */
  preview?: boolean;
}

let runs = 0;
// Pulumi records a stack trace for each of its promises and Jest maps each one, which would take most of the time.
Error.stackTraceLimit = 4;

const cache = new Map<string, Promise<ProgramRun>>();

/** Runs the whole program in this process against stand-ins for the clouds. Runs with the same arguments are cached. */
export function runProgram(stack: StackName, options: ProgramOptions = {}): Promise<ProgramRun> {
  const key = JSON.stringify([stack, options]);
  if (!cache.has(key)) cache.set(key, run(stack, options));
  return cache.get(key)!;
}

async function run(stack: StackName, { changes = {}, preview = false }: ProgramOptions): Promise<ProgramRun> {
  const resources: Recorded[] = [];
  pulumi.runtime.setAllConfig(stackConfig(stack, changes), secretKeys);
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs }) {
        const plain = reveal(inputs) as Properties;
        resources.push({ type, name, inputs: plain, marked: inputs as Properties });
        return preview ? { id: undefined, state: plain } : createResource(type, name, plain);
      },
      call: ({ token }) => callFunction(token),
    },
    project.name,
    stack,
    preview,
  );
  // The SDK's mocks lack the call that registers a hook.
  Object.assign(pulumi.runtime.getMonitor()!, { registerErrorHook: (_: unknown, done: (error: null) => void) => done(null) });
  // With a new URL the module runs again, but its imports do not.
  const program = (await import(`../../../infra/index.ts?run=${++runs}`)) as Properties;
  const outputs = Object.fromEntries(
    await Promise.all(
      Object.entries(program).map(async ([name, value]) => [name, preview ? undefined : await settle(pulumi.output(value))]),
    ),
  ) as Properties;
  await pulumi.runtime.disconnect();
  return { resources, outputs, ...lookup(resources) };
}

/** The value of an output, or `[secret]`: no output of the program may be secret. */
async function settle(output: { apply(func: (value: unknown) => void): unknown; isSecret?: Promise<boolean> }): Promise<unknown> {
  if (await output.isSecret) return '[secret]';
  return await new Promise((resolve) => output.apply(resolve));
}

function lookup(resources: Recorded[]): Pick<ProgramRun, 'all' | 'one'> {
  const all = (type: string): Recorded[] => resources.filter((resource) => resource.type === type);
  return {
    all,
    one(type, part = '') {
      const matches = all(type).filter(({ name }) => name.endsWith(part));
      if (matches.length !== 1) throw new Error(`Expected one ${type} ${part}, found ${matches.length}.`);
      return matches[0]!;
    },
  };
}
