import * as pulumi from '@pulumi/pulumi';
import type { Properties } from './cloud.ts';
import { type EngineRun, monitor, type Registration } from './engine.ts';
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
  /** everything that the program registered, as the engine received it */
  registrations: Registration[];
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
  if (!cache.has(key)) cache.set(key, runProgramAgain(stack, options));
  return cache.get(key)!;
}

/** Runs the whole program, whether or not it has run with these arguments. */
export async function runProgramAgain(stack: StackName, { changes = {}, preview = false }: ProgramOptions = {}): Promise<ProgramRun> {
  const engine: EngineRun = { exitCode: 0, text: '', registrations: [], outputs: {} };
  pulumi.runtime.setAllConfig(stackConfig(stack, changes), secretKeys);
  // The SDK's mocks show neither protection nor dependencies, so the stand-in engine replaces them, without gRPC.
  await pulumi.runtime.setMocks({} as pulumi.runtime.Mocks, project.name, stack, preview);
  Object.assign(pulumi.runtime.getMonitor()!, withoutGrpc(monitor(engine, stack, preview)));
  // With a new URL the module runs again, but its imports do not.
  const program = (await import(`../../../infra/index.ts?run=${++runs}`)) as Properties;
  const outputs = Object.fromEntries(
    await Promise.all(
      Object.entries(program).map(async ([name, value]) => [name, preview ? undefined : await settle(pulumi.output(value))]),
    ),
  ) as Properties;
  await pulumi.runtime.disconnect();
  const { registrations } = engine;
  const resources = registrations.map(({ type, name, inputs }) => ({ type, name, inputs: reveal(inputs) as Properties, marked: inputs }));
  return { registrations, resources, outputs, ...lookup(resources) };
}

type Methods = ReturnType<typeof monitor>;

/** The engine's methods as functions of a request and a callback, as the SDK calls them on its client. */
function withoutGrpc(methods: Methods) {
  const functions = Object.entries(methods).map(([name, method]) => [
    name,
    (request: unknown, done: Parameters<typeof method>[1]) => method({ request } as Parameters<typeof method>[0], done),
  ]);
  return Object.fromEntries(functions) as Record<keyof Methods, unknown>;
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
