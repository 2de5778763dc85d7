import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { callFunction, createResource, type Properties } from './cloud.ts';
import { create, Empty, get, listen, type Message, messagesOf, properties, respondWith, servicesOf, toStruct } from './messages.ts';
import { reveal, SECRET_MARK } from './secret-mark.ts';
import { type FlatConfig, project, secretKeys } from './stack-config.ts';

/** A resource as the program registers it with Pulumi's engine. */
export interface Registration {
  urn: string;
  type: string;
  name: string;
  parent: string;
  dependencies: string[];
  /** created by a provider's plugin, with its children */
  remote: boolean;
  protect: boolean;
  retainOnDelete: boolean;
  ignoreChanges: string[];
  additionalSecretOutputs: string[];
  /** the names of the hooks that run when an operation on it fails */
  errorHooks: string[];
  /** how long its creation may take; empty: the provider's default */
  createTimeout: string;
  inputs: Properties;
}

export interface EngineRun {
  exitCode: number;
  /** the program's output and log messages, errors included */
  text: string;
  registrations: Registration[];
  /** as received, with secrets marked */
  outputs: Properties;
}

const messages = messagesOf('resource');
const engineMessages = messagesOf('engine');
const { ResourceMonitorService } = servicesOf<typeof import('@pulumi/pulumi/proto/resource_grpc_pb.js')>('resource');
const { EngineService } = servicesOf<typeof import('@pulumi/pulumi/proto/engine_grpc_pb.js')>('engine');

/** The severity of the SDK's debug messages. */
const DEBUG = 0;

/** The features that this engine reports to the SDK. It lacks the others, as an older engine does. */
const FEATURES = ['secrets', 'resourceReferences', 'aliasSpecs', 'deletedWith', 'resourceHooks', 'errorHooks'];

/**
 * Runs the program as `pulumi preview` and `pulumi up` do: in a separate process, with Pulumi's own Node runner and the settings of
 * `Pulumi.yaml`, connected to an engine over gRPC. Only the engine and the clouds behind it are stand-ins.
 */
export async function runByEngine(stack: string, config: FlatConfig, preview: boolean): Promise<EngineRun> {
  const run: EngineRun = { exitCode: -1, text: '', registrations: [], outputs: {} };
  const server = await listen([
    [ResourceMonitorService, monitor(run, stack, preview)],
    [EngineService, engine(run)],
  ]);
  try {
    await runProgram(run, stack, config, preview, `127.0.0.1:${server.port}`);
  } finally {
    server.close();
  }
  return run;
}

async function runProgram(run: EngineRun, stack: string, config: FlatConfig, preview: boolean, address: string): Promise<void> {
  // The CLI resolves `main` the same way: it changes to the folder, and passes the file name, or `.` if `main` is a folder.
  const [folder, program] = statSync(project.main).isDirectory() ? [project.main, '.'] : [dirname(project.main), basename(project.main)];
  const options = {
    monitor: address,
    engine: address,
    project: project.name,
    stack,
    parallel: '16',
    'root-directory': resolve('.'),
    pwd: resolve(folder),
    ...(preview ? { 'dry-run': 'true' } : {}),
  };
  const child = spawn(
    process.execPath,
    ['node_modules/@pulumi/pulumi/cmd/run', ...Object.entries(options).map(([name, value]) => `--${name}=${value}`), program],
    {
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        PULUMI_CONFIG: JSON.stringify(config),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(secretKeys),
        PULUMI_NODEJS_TYPESCRIPT: String(project.runtime.options.typescript),
      },
    },
  );
  child.stdout.on('data', (part: Buffer) => (run.text += part.toString()));
  child.stderr.on('data', (part: Buffer) => (run.text += part.toString()));
  [run.exitCode] = (await once(child, 'exit')) as [number];
}

/** The methods of the engine that a program calls to create its resources. */
export function monitor(run: EngineRun, stack: string, preview: boolean) {
  return {
    supportsFeature: respondWith((request) => {
      return create(messages, 'SupportsFeatureResponse', { Hassupport: FEATURES.includes(get(request, 'Id')) });
    }),
    invoke: respondWith((request) => {
      return create(messages, 'ResourceInvokeResponse', { Return: toStruct(callFunction(get(request, 'Tok'))) });
    }),
    registerResource: respondWith((request) => {
      const registration = readRegistration(request, stack);
      run.registrations.push(registration);
      return register(registration, Boolean(get(request, 'Custom')), preview);
    }),
    registerResourceOutputs: respondWith((request) => {
      if (String(get(request, 'Urn')).includes('pulumi:pulumi:Stack')) run.outputs = properties(request, 'Outputs');
      return new Empty();
    }),
    registerErrorHook: respondWith(() => new Empty()),
    signalAndWaitForShutdown: respondWith(() => new Empty()),
  };
}

function engine(run: EngineRun) {
  let root = '';
  return {
    log: respondWith((request) => {
      if (get(request, 'Severity') !== DEBUG) run.text += `${get(request, 'Message')}\n`;
      return new Empty();
    }),
    getRootResource: respondWith(() => {
      return create(engineMessages, 'GetRootResourceResponse', { Urn: root });
    }),
    setRootResource: respondWith((request) => {
      root = get(request, 'Urn');
      return create(engineMessages, 'SetRootResourceResponse');
    }),
  };
}

function readRegistration(request: Message, stack: string): Registration {
  const [type, name] = [get<string>(request, 'Type'), get<string>(request, 'Name')];
  return {
    urn: `urn:pulumi:${stack}::${project.name}::${type}::${name}`,
    type,
    name,
    parent: get(request, 'Parent'),
    dependencies: get(request, 'DependenciesList'),
    remote: get(request, 'Remote'),
    protect: get(request, 'Protect'),
    retainOnDelete: get(request, 'Retainondelete'),
    ignoreChanges: get(request, 'IgnorechangesList'),
    additionalSecretOutputs: get(request, 'AdditionalsecretoutputsList'),
    errorHooks: (get<Message | undefined>(request, 'Hooks')?.getOnErrorList?.() as string[] | undefined) ?? [],
    createTimeout: (get<Message | undefined>(request, 'Customtimeouts')?.getCreate?.() as string | undefined) ?? '',
    inputs: properties(request, 'Object'),
  };
}

/** In a preview only the inputs are known. Pulumi treats the missing outputs as unknown. */
function register(registration: Registration, custom: boolean, preview: boolean): Message {
  const inputs = reveal(registration.inputs) as Properties;
  const { id, state } =
    custom || registration.remote ? createResource(registration.type, registration.name, inputs) : { id: '', state: {} };
  return create(messages, 'RegisterResourceResponse', {
    Urn: registration.urn,
    Id: custom && !preview ? id : undefined,
    Object: toStruct(keepSecret(preview ? inputs : state, registration)),
  });
}

/** Returns as secret what was passed as secret, or is declared secret by the program or the SDK, as the real engine does. */
function keepSecret(state: Properties, { inputs, additionalSecretOutputs }: Registration): Properties {
  const isSecret = (name: string): boolean =>
    additionalSecretOutputs.includes(name) || JSON.stringify(inputs[name] ?? null).includes(SECRET_MARK);
  return Object.fromEntries(
    Object.entries(state)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, isSecret(name) ? { [SECRET_MARK]: '1b47061264138c4ac30d75fd1eb44270', value } : value]),
  );
}
