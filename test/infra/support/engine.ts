import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, resolve } from 'node:path';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { callFunction, createResource, type Properties } from './cloud.ts';
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

// Pulumi's messages are CommonJS modules built at run time: Node cannot import them by name.
const require = createRequire(import.meta.url);
const grpc = require('@grpc/grpc-js') as typeof import('@grpc/grpc-js');
const { Empty } = require('google-protobuf/google/protobuf/empty_pb.js') as { Empty: new () => object };
const { Struct } = require('google-protobuf/google/protobuf/struct_pb.js') as { Struct: { fromJavaScript(value: object): Message } };
const messages = require('@pulumi/pulumi/proto/resource_pb.js') as Record<string, new () => Message>;
const engineMessages = require('@pulumi/pulumi/proto/engine_pb.js') as Record<string, new () => Message>;
const { ResourceMonitorService } =
  require('@pulumi/pulumi/proto/resource_grpc_pb.js') as typeof import('@pulumi/pulumi/proto/resource_grpc_pb.js');
const { EngineService } = require('@pulumi/pulumi/proto/engine_grpc_pb.js') as typeof import('@pulumi/pulumi/proto/engine_grpc_pb.js');

/** A protobuf message. The generated classes share no type, so a wrong getter or setter name fails only at run time. */
type Message = Record<string, (value?: unknown) => unknown>;

const get = <Value>(message: Message, field: string): Value => message[`get${field}`]!() as Value;
const set = (message: Message, field: string, value: unknown): unknown => message[`set${field}`]!(value);
function struct(message: Message, field: string): Properties {
  const value = get<{ toJavaScript(): Properties } | undefined>(message, field);
  return value?.toJavaScript() ?? {};
}

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
  const server = new grpc.Server();
  server.addService(ResourceMonitorService, monitor(run, stack, preview));
  server.addService(EngineService, engine(run));
  const port = await new Promise<number>((done, fail) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => (error ? fail(error) : done(bound)));
  });
  try {
    await runProgram(run, stack, config, preview, `127.0.0.1:${port}`);
  } finally {
    server.forceShutdown();
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
      const response = new messages.SupportsFeatureResponse!();
      set(response, 'Hassupport', FEATURES.includes(get(request, 'Id')));
      return response;
    }),
    invoke: respondWith((request) => {
      const response = new messages.ResourceInvokeResponse!();
      set(response, 'Return', Struct.fromJavaScript(callFunction(get(request, 'Tok'))));
      return response;
    }),
    registerResource: respondWith((request) => {
      const registration = readRegistration(request, stack);
      run.registrations.push(registration);
      return register(registration, Boolean(get(request, 'Custom')), preview);
    }),
    registerResourceOutputs: respondWith((request) => {
      if (String(get(request, 'Urn')).includes('pulumi:pulumi:Stack')) run.outputs = struct(request, 'Outputs');
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
      const response = new engineMessages.GetRootResourceResponse!();
      set(response, 'Urn', root);
      return response;
    }),
    setRootResource: respondWith((request) => {
      root = get(request, 'Urn');
      return new engineMessages.SetRootResourceResponse!();
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
    inputs: struct(request, 'Object'),
  };
}

/** In a preview only the inputs are known. Pulumi treats the missing outputs as unknown. */
function register(registration: Registration, custom: boolean, preview: boolean): Message {
  const response = new messages.RegisterResourceResponse!();
  const inputs = reveal(registration.inputs) as Properties;
  const { id, state } =
    custom || registration.remote ? createResource(registration.type, registration.name, inputs) : { id: '', state: {} };
  set(response, 'Urn', registration.urn);
  if (custom && !preview) set(response, 'Id', id);
  set(response, 'Object', Struct.fromJavaScript(keepSecret(preview ? inputs : state, registration)));
  return response;
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

/** A gRPC method with a synchronous response. */
function respondWith(respond: (request: Message) => object) {
  return (call: ServerUnaryCall<Message, object>, done: sendUnaryData<object>): void => {
    try {
      done(null, respond(call.request));
    } catch (error) {
      done({ code: grpc.status.INTERNAL, details: (error as Error).message });
    }
  };
}
