import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, resolve } from 'node:path';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { called, created, type Properties } from './cloud.ts';
import { reveal, SECRET_MARK } from './secret-mark.ts';
import { type FlatConfig, project, secretKeys } from './stack-config.ts';

/** A resource as Pulumi's own engine is asked for it. */
export interface Registration {
  urn: string;
  type: string;
  name: string;
  parent: string;
  dependencies: string[];
  /** made by a provider's plugin, with all that is in it */
  remote: boolean;
  protect: boolean;
  retainOnDelete: boolean;
  ignoreChanges: string[];
  additionalSecretOutputs: string[];
  inputs: Properties;
}

export interface EngineRun {
  exitCode: number;
  /** what the program said, and what was wrong with it */
  text: string;
  registrations: Registration[];
  /** as they came, secrets marked */
  outputs: Properties;
}

// Pulumi's messages are CommonJS, put together at run time: Node cannot import their names.
const require = createRequire(import.meta.url);
const grpc = require('@grpc/grpc-js') as typeof import('@grpc/grpc-js');
const { Empty } = require('google-protobuf/google/protobuf/empty_pb.js') as { Empty: new () => object };
const { Struct } = require('google-protobuf/google/protobuf/struct_pb.js') as { Struct: { fromJavaScript(value: object): Message } };
const messages = require('@pulumi/pulumi/proto/resource_pb.js') as Record<string, new () => Message>;
const engineMessages = require('@pulumi/pulumi/proto/engine_pb.js') as Record<string, new () => Message>;
const { ResourceMonitorService } =
  require('@pulumi/pulumi/proto/resource_grpc_pb.js') as typeof import('@pulumi/pulumi/proto/resource_grpc_pb.js');
const { EngineService } = require('@pulumi/pulumi/proto/engine_grpc_pb.js') as typeof import('@pulumi/pulumi/proto/engine_grpc_pb.js');

/** A protobuf message: the generated classes share no type, and the names of their getters and setters are checked by running. */
type Message = Record<string, (value?: unknown) => unknown>;

const get = <Value>(message: Message, field: string): Value => message[`get${field}`]!() as Value;
const set = (message: Message, field: string, value: unknown): unknown => message[`set${field}`]!(value);
function struct(message: Message, field: string): Properties {
  const found = get<{ toJavaScript(): Properties } | undefined>(message, field);
  return found?.toJavaScript() ?? {};
}

/** How the SDK marks what it says to nobody in particular. */
const DEBUG = 0;

/** What Pulumi's SDK asks whether the engine knows; the rest is left out, as by an older engine. */
const FEATURES = ['secrets', 'resourceReferences', 'aliasSpecs', 'deletedWith'];

/**
 * Runs the program as `pulumi preview` or `pulumi up` does: Pulumi's own Node runner in a process of its own, told by `Pulumi.yaml`
 * what to run, and talking to an engine over gRPC. Only this engine, and the clouds behind it, are not the real ones.
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
  // As the CLI does with `main`: it goes to the folder, and names the file, or only that it is there.
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

function monitor(run: EngineRun, stack: string, preview: boolean) {
  return {
    supportsFeature: answer((request) => {
      const response = new messages.SupportsFeatureResponse!();
      set(response, 'Hassupport', FEATURES.includes(get(request, 'Id')));
      return response;
    }),
    invoke: answer((request) => {
      const response = new messages.ResourceInvokeResponse!();
      set(response, 'Return', Struct.fromJavaScript(called(get(request, 'Tok'))));
      return response;
    }),
    registerResource: answer((request) => {
      const registration = readRegistration(request, stack);
      run.registrations.push(registration);
      return registered(registration, Boolean(get(request, 'Custom')), preview);
    }),
    registerResourceOutputs: answer((request) => {
      if (String(get(request, 'Urn')).includes('pulumi:pulumi:Stack')) run.outputs = struct(request, 'Outputs');
      return new Empty();
    }),
    signalAndWaitForShutdown: answer(() => new Empty()),
  };
}

function engine(run: EngineRun) {
  let root = '';
  return {
    log: answer((request) => {
      if (get(request, 'Severity') !== DEBUG) run.text += `${get(request, 'Message')}\n`;
      return new Empty();
    }),
    getRootResource: answer(() => {
      const response = new engineMessages.GetRootResourceResponse!();
      set(response, 'Urn', root);
      return response;
    }),
    setRootResource: answer((request) => {
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
    inputs: struct(request, 'Object'),
  };
}

/** In a preview only what was given is known; what the cloud will say is left out, which Pulumi takes as unknown. */
function registered(registration: Registration, custom: boolean, preview: boolean): Message {
  const response = new messages.RegisterResourceResponse!();
  const inputs = reveal(registration.inputs) as Properties;
  const { id, state } = custom || registration.remote ? created(registration.type, registration.name, inputs) : { id: '', state: {} };
  set(response, 'Urn', registration.urn);
  if (custom && !preview) set(response, 'Id', id);
  set(response, 'Object', Struct.fromJavaScript(keepSecret(preview ? inputs : state, registration)));
  return response;
}

/** As the real engine does: what the program or the SDK calls secret, and what was given as secret, comes back as such. */
function keepSecret(state: Properties, { inputs, additionalSecretOutputs }: Registration): Properties {
  const isSecret = (name: string): boolean =>
    additionalSecretOutputs.includes(name) || JSON.stringify(inputs[name] ?? null).includes(SECRET_MARK);
  return Object.fromEntries(
    Object.entries(state)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, isSecret(name) ? { [SECRET_MARK]: '1b47061264138c4ac30d75fd1eb44270', value } : value]),
  );
}

/** A gRPC method that answers at once. */
function answer(respond: (request: Message) => object) {
  return (call: ServerUnaryCall<Message, object>, done: sendUnaryData<object>): void => {
    try {
      done(null, respond(call.request));
    } catch (error) {
      done({ code: grpc.status.INTERNAL, details: (error as Error).message });
    }
  };
}
