import * as pulumi from '@pulumi/pulumi';
import { called, created, type Properties } from './cloud.ts';
import { reveal } from './secret-mark.ts';
import { project, type StackName, secretKeys, stackConfig } from './stack-config.ts';

/** A resource that the program asked for. */
export interface Recorded {
  type: string;
  name: string;
  /** in plain text */
  inputs: Properties;
  /** as they came, secrets marked */
  marked: Properties;
}

export interface ProgramRun {
  resources: Recorded[];
  outputs: Properties;
  /** all of a type */
  all(type: string): Recorded[];
  /** the only one of a type whose name ends with `part` */
  one(type: string, part?: string): Recorded;
}

export interface ProgramOptions {
  changes?: Record<string, unknown>;
  /** what the clouds will know is not known yet */
  preview?: boolean;
}

let runs = 0;
// Pulumi notes a stack with each of its promises, and Jest maps each: most of the time would go there.
Error.stackTraceLimit = 4;

const done = new Map<string, Promise<ProgramRun>>();

/** Runs the whole program in this process, against clouds that answer at once; the same one only once. */
export function runProgram(stack: StackName, options: ProgramOptions = {}): Promise<ProgramRun> {
  const key = JSON.stringify([stack, options]);
  if (!done.has(key)) done.set(key, runAnew(stack, options));
  return done.get(key)!;
}

async function runAnew(stack: StackName, { changes = {}, preview = false }: ProgramOptions): Promise<ProgramRun> {
  const resources: Recorded[] = [];
  pulumi.runtime.setAllConfig(stackConfig(stack, changes), secretKeys);
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs }) {
        const plain = reveal(inputs) as Properties;
        resources.push({ type, name, inputs: plain, marked: inputs as Properties });
        const answer = created(type, name, plain);
        return preview ? { id: undefined, state: plain } : answer;
      },
      call: ({ token }) => called(token),
    },
    project.name,
    stack,
    preview,
  );
  // Under another address a module is run anew; what it imports is not.
  const program = (await import(`../../../infra/index.ts?run=${++runs}`)) as Properties;
  const outputs = Object.fromEntries(
    await Promise.all(
      Object.entries(program).map(async ([name, value]) => [name, preview ? undefined : await settle(pulumi.output(value))]),
    ),
  ) as Properties;
  await pulumi.runtime.disconnect();
  return { resources, outputs, ...lookup(resources) };
}

/** A value of an output; one that is secret is refused, since nothing that the program tells may be. */
async function settle(output: { apply(func: (value: unknown) => void): unknown; isSecret?: Promise<boolean> }): Promise<unknown> {
  if (await output.isSecret) return '[secret]';
  return await new Promise((resolve) => output.apply(resolve));
}

function lookup(resources: Recorded[]): Pick<ProgramRun, 'all' | 'one'> {
  const all = (type: string): Recorded[] => resources.filter((resource) => resource.type === type);
  return {
    all,
    one(type, part = '') {
      const found = all(type).filter(({ name }) => name.endsWith(part));
      if (found.length !== 1) throw new Error(`there are ${found.length} of ${type} ${part}`);
      return found[0]!;
    },
  };
}
