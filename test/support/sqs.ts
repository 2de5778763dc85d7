import { createServer } from 'node:http';
import { close, listen } from './server.ts';

/** A stand-in for SQS over HTTP, with one queue: what `AmazonSQS.ReceiveMessage` and `DeleteMessageBatch` say in JSON. */
export interface SqsEmulator {
  [Symbol.asyncDispose](): Promise<void>;
  url: string;
  queueUrl: string;
  /** Delivers a message until it is deleted, as EventBridge sends it. */
  send(): void;
  /** how many messages are not deleted */
  length(): number;
  /** the scopes of the calls' signatures */
  scopes: string[];
  /** refuses this many calls */
  refusals: number;
}

/** How long a received message is hidden from other receivers, and how long an empty queue waits. */
const HIDDEN_MS = 200;
const WAIT_MS = 50;

interface Input {
  QueueUrl: string;
  MaxNumberOfMessages?: number;
  Entries?: { Id: string; ReceiptHandle: string }[];
}

export async function startSqs(): Promise<SqsEmulator> {
  const messages = new Map<string, { visibleAt: number }>();
  let sent = 0;
  const operations: Record<string, (input: Input) => Promise<object>> = {
    async 'AmazonSQS.ReceiveMessage'({ MaxNumberOfMessages = 1 }) {
      const visible = () => [...messages].filter(([, { visibleAt }]) => visibleAt <= Date.now()).slice(0, MaxNumberOfMessages);
      if (visible().length === 0) await new Promise((done) => setTimeout(done, WAIT_MS));
      const received = visible();
      for (const [, message] of received) message.visibleAt = Date.now() + HIDDEN_MS;
      // Like SQS, without the list if it is empty.
      return received.length === 0
        ? {}
        : { Messages: received.map(([handle]) => ({ MessageId: handle, ReceiptHandle: handle, Body: '{}' })) };
    },
    async 'AmazonSQS.DeleteMessageBatch'({ Entries = [] }) {
      for (const { ReceiptHandle } of Entries) messages.delete(ReceiptHandle);
      return { Successful: Entries.map(({ Id }) => ({ Id })), Failed: [] };
    },
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const scope = /Credential=[^/]+\/\d{8}\/([\w-]+)\//.exec(request.headers.authorization ?? '')?.[1];
    const operation = operations[String(request.headers['x-amz-target'])];
    const input = JSON.parse(body) as Input;
    const valid =
      operation && scope && input.QueueUrl === emulator.queueUrl && request.headers['content-type'] === 'application/x-amz-json-1.0';
    if (!valid || emulator.refusals-- > 0) return void response.writeHead(403).end('{"__type":"AccessDenied"}');
    emulator.scopes.push(scope);
    response.setHeader('content-type', 'application/x-amz-json-1.0').end(JSON.stringify(await operation(input)));
  });
  const url = await listen(server);
  const emulator: SqsEmulator = {
    url,
    queueUrl: 'https://sqs.eu-north-1.amazonaws.com/123456789012/sync-ticks',
    send: () => void messages.set(`handle-${++sent}`, { visibleAt: 0 }),
    length: () => messages.size,
    scopes: [],
    refusals: 0,
    [Symbol.asyncDispose]: () => close(server),
  };
  return emulator;
}
