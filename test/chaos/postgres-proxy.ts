import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { ServiceProcess } from './service-process.ts';
import { postgresStep } from './steps.ts';
import type { Violence } from './violence.ts';

export interface PostgresProxy {
  /** the database, through the proxy */
  url: string;
  /** Cuts all connections. */
  cut(): void;
  close(): Promise<void>;
}

/**
 * A proxy in front of Postgres for one process, which can be killed before a statement arrives or before its result does.
 * @param target the database's URL
 */
export async function startPostgresProxy(target: string, violence: Violence, caller: ServiceProcess): Promise<PostgresProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.once('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const statements = new Statements();
    const ended = () => client.destroy();
    pump(client, upstream, new RequestReader(statements), (step) => violence.reach(caller, step, 'before')).catch(ended);
    pump(upstream, client, new ResultReader(statements), (step) => violence.reach(caller, step, 'after')).catch(ended);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: Object.assign(new URL(target), { port: String((server.address() as AddressInfo).port) }).href,
    cut,
    async close() {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}

/** The part of a stream before which a step is reached, if any. */
interface Part {
  bytes: Buffer;
  step: string | undefined;
}

interface Reader {
  read(chunk: Buffer): Part[];
}

async function pump(from: Socket, to: Socket, reader: Reader, reach: (step: string) => Promise<void>): Promise<void> {
  for await (const chunk of from) {
    for (const { bytes, step } of reader.read(chunk as Buffer)) {
      if (step) await reach(step);
      to.write(bytes);
    }
  }
  to.end();
}

/** The statement of a connection that runs, and the last write of its transaction. */
class Statements {
  running: string | undefined;
  #lastWrite = '';

  /** @returns the statement's step; of a COMMIT with the write before it, because its effect is that of its transaction */
  start(sql: string): string | undefined {
    const step = postgresStep(sql);
    if (/^\s*BEGIN/.test(sql)) this.#lastWrite = '';
    if (step?.endsWith('COMMIT')) this.running = this.#lastWrite && `${step} of ${this.#lastWrite.replace('postgres ', '')}`;
    else this.running = step;
    if (step && !step.endsWith('COMMIT')) this.#lastWrite = step;
    return this.running || undefined;
  }
}

/** Splits a stream into messages: a type of one byte (unless it is the first of a client), and a length. */
class Messages {
  #rest = Buffer.alloc(0);
  #typeLength: 0 | 1;

  constructor(typeLength: 0 | 1) {
    this.#typeLength = typeLength;
  }

  *split(chunk: Buffer): Generator<Buffer> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= this.#typeLength + 4) {
      const length = this.#typeLength + this.#rest.readUInt32BE(this.#typeLength);
      if (this.#rest.length < length) return;
      yield this.#rest.subarray(0, length);
      this.#rest = this.#rest.subarray(length);
      this.#typeLength = 1;
    }
  }
}

/** What a client sends: Parse (P) and Query (Q) contain a statement. */
class RequestReader implements Reader {
  readonly #messages = new Messages(0);
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  read(chunk: Buffer): Part[] {
    return [...this.#messages.split(chunk)].map((bytes) => ({ bytes, step: this.#stepOf(bytes) }));
  }

  #stepOf(message: Buffer): string | undefined {
    const type = String.fromCharCode(message[0]!);
    if (type === 'Q') return this.#statements.start(message.subarray(5, -1).toString());
    if (type !== 'P') return undefined;
    const start = message.indexOf(0, 5) + 1;
    return this.#statements.start(message.subarray(start, message.indexOf(0, start)).toString());
  }
}

/** What the server sends: a result is complete with ReadyForQuery (Z), and kept until then. */
class ResultReader implements Reader {
  readonly #messages = new Messages(1);
  readonly #statements: Statements;
  #kept: Buffer[] = [];

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  read(chunk: Buffer): Part[] {
    const parts: Part[] = [];
    for (const message of this.#messages.split(chunk)) {
      this.#kept.push(message);
      const isReady = message[0] === 'Z'.charCodeAt(0);
      if (this.#statements.running && !isReady) continue;
      parts.push({ bytes: Buffer.concat(this.#kept), step: this.#statements.running });
      this.#kept = [];
      if (isReady) this.#statements.running = undefined;
    }
    return parts;
  }
}
