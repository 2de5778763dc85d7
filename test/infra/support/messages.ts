import { createRequire } from 'node:module';
import type { ServerUnaryCall, ServiceDefinition, sendUnaryData, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Properties } from './cloud.ts';

// Pulumi's messages are CommonJS modules built at run time: Node cannot import them by name.
const require = createRequire(import.meta.url);
const grpc = require('@grpc/grpc-js') as typeof import('@grpc/grpc-js');
const { Struct } = require('google-protobuf/google/protobuf/struct_pb.js') as { Struct: { fromJavaScript(value: object): Message } };
export const { Empty } = require('google-protobuf/google/protobuf/empty_pb.js') as { Empty: new () => Message };

/** A protobuf message. The generated classes share no type, so a wrong getter or setter name fails only at run time. */
export type Message = Record<string, (value?: unknown) => unknown>;

type Messages = Record<string, new () => Message>;

/** The messages of one of Pulumi's files, for example `resource`. */
export const messagesOf = (file: string): Messages => require(`@pulumi/pulumi/proto/${file}_pb.js`) as Messages;

/** The services and clients of one of Pulumi's files. */
export const servicesOf = <Services>(file: string): Services => require(`@pulumi/pulumi/proto/${file}_grpc_pb.js`) as Services;

export const get = <Value>(message: Message, field: string): Value => message[`get${field}`]!() as Value;

/** A message with these fields; those that are undefined stay empty. */
export function create(messages: Messages, name: string, fields: Record<string, unknown> = {}): Message {
  const message = new messages[name]!();
  for (const [field, value] of Object.entries(fields)) if (value !== undefined) message[`set${field}`]!(value);
  return message;
}

/** A field whose type is Struct, or an empty object. */
export function properties(message: Message, field: string): Properties {
  const value = get<{ toJavaScript(): Properties } | undefined>(message, field);
  return value?.toJavaScript() ?? {};
}

/** A Struct. Properties that are undefined are left out. */
export function toStruct(value: Properties): Message {
  return Struct.fromJavaScript(JSON.parse(JSON.stringify(value)) as object);
}

/** A gRPC method. An error becomes the call's, with its message. */
export function respondWith(respond: (request: Message) => object | Promise<object>) {
  return (call: ServerUnaryCall<Message, object>, done: sendUnaryData<object>): void => {
    const fail = (error: Error): void => done({ code: grpc.status.INTERNAL, details: error.message });
    try {
      const response = respond(call.request);
      if (response instanceof Promise) response.then((message) => done(null, message), fail);
      else done(null, response);
    } catch (error) {
      fail(error as Error);
    }
  };
}

export interface Listening {
  port: number;
  close(): void;
}

/** Serves on a free port of this machine. */
export async function listen(services: [ServiceDefinition, UntypedServiceImplementation][]): Promise<Listening> {
  const server = new grpc.Server();
  for (const [definition, methods] of services) server.addService(definition, methods);
  const port = await new Promise<number>((done, fail) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => (error ? fail(error) : done(bound)));
  });
  return { port, close: () => server.forceShutdown() };
}

export const insecure = (): ReturnType<typeof grpc.credentials.createInsecure> => grpc.credentials.createInsecure();
