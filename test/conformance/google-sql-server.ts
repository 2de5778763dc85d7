// The server that runs Google's code, and the connection to it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';

/** A message of the service, as defined by its protos. */
export interface Message {
  [field: string]: unknown;
}

interface Client {
  waitForReady(deadline: number, ready: (error?: Error) => void): void;
  close(): void;
  [method: string]: unknown;
}

type Unary = (this: Client, request: Message, answered: (error: Error | null, reply: Message) => void) => void;

/** The parts of @grpc/grpc-js and @grpc/proto-loader that we use. Both are installed with the analyzer, not with our own packages. */
interface Grpc {
  credentials: { createInsecure(): unknown };
  loadPackageDefinition(definition: unknown): {
    zetasql: { local_service: { ZetaSqlLocalService: new (address: string, credentials: unknown, options: object) => Client } };
  };
}
interface ProtoLoader {
  loadSync(file: string, options: object): unknown;
}

const ALIVE_MS = 60_000;
const ANY_SIZE = { 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 };

// However this process ends, its end of the pipe closes, `cat` exits, and the server is killed. Only this process handles signals.
const UNTIL_WE_END = 'trap "" INT TERM HUP; "$0" localhost "$1" >&2 & cat; kill -9 $!; wait';

/** A running server. Its service's methods are called by name, and its errors are thrown unchanged. */
export class GoogleSqlServer {
  readonly #client: Client;
  readonly #stop: () => Promise<void>;

  private constructor(client: Client, stop: () => Promise<void>) {
    this.#client = client;
    this.#stop = stop;
  }

  static async start(modules: string): Promise<GoogleSqlServer> {
    const folder = join(modules, '@fivetrandevelopers', 'zetasql', 'lib', 'zetasql');
    const port = await freePort();
    const shell = spawn('/bin/sh', ['-c', UNTIL_WE_END, join(folder, program()), String(port)], { stdio: ['pipe', 'ignore', 'pipe'] });
    let output = '';
    shell.stderr.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
    const ended = once(shell, 'close');
    const client = connect(modules, join(folder, 'protos'), port);
    const stop = async (): Promise<void> => {
      client.close();
      shell.stdin.end();
      await ended;
    };
    try {
      await new Promise<void>((ready, failed) => {
        client.waitForReady(Date.now() + ALIVE_MS, (error) => (error ? failed(error) : ready()));
      });
    } catch (cause) {
      await stop();
      throw new Error(`The GoogleSQL server did not start: ${output}`, { cause });
    }
    return new GoogleSqlServer(client, stop);
  }

  ask(method: string, request: Message): Promise<Message> {
    return new Promise((answered, failed) => {
      (this.#client[method] as Unary).call(this.#client, request, (error, reply) => (error ? failed(error) : answered(reply)));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

function connect(modules: string, protos: string, port: number): Client {
  const require = createRequire(join(modules, 'conformance.cjs'));
  const grpc = require('@grpc/grpc-js') as Grpc;
  const loader = require('@grpc/proto-loader') as ProtoLoader;
  const definition = loader.loadSync('local_service.proto', { oneofs: true, longs: String, enums: String, includeDirs: [protos] });
  const { ZetaSqlLocalService } = grpc.loadPackageDefinition(definition).zetasql.local_service;
  return new ZetaSqlLocalService(`localhost:${port}`, grpc.credentials.createInsecure(), ANY_SIZE);
}

/** The package contains a program for each of these platforms; on Linux, they need glibc. */
function program(): string {
  const names: Partial<Record<string, string>> = {
    'linux-x64': 'remote_server.so',
    'linux-arm64': 'remote_server_arm.so',
    'darwin-x64': 'remote_server',
    'darwin-arm64': 'remote_server_arm',
  };
  const name = names[`${process.platform}-${process.arch}`];
  if (!name) throw new Error(`There is no GoogleSQL analyzer for ${process.platform} on ${process.arch}.`);
  return name;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
