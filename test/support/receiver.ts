import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { raiseAlerts } from '../../app/sync/watch/raise-alerts.ts';
import { sendWebhooks } from '../../app/sync/watch/send-webhooks.ts';
import { close, listen } from './server.ts';
import { startService, type TestService, type TestServiceOptions } from './service.ts';

const WEBHOOK_KEY = Buffer.from('0123456789abcdef0123456789abcdef');
export const WEBHOOK_SECRET = `whsec_${WEBHOOK_KEY.toString('base64')}`;

/** The path of the receiver's URL, which is a secret. */
export const SECRET_PATH = '/services/T0000/B0000/s3cr3t-of-the-receiver';

/** A request that a receiver of alerts got. */
export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A message in the generic format. */
export interface Sent {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

/** A receiver of alerts, which responds as the running test says: by default with 204. */
export interface Receiver {
  [Symbol.asyncDispose](): Promise<void>;
  url: string;
  received: Received[];
  respond: (response: ServerResponse) => void;
  /** The messages since the last call, without their times. */
  take(): Sent[];
}

export async function startReceiver(): Promise<Receiver> {
  let taken = 0;
  const server = createServer(async (incoming, response) => {
    receiver.received.push({ path: incoming.url!, headers: incoming.headers, body: await text(incoming) });
    receiver.respond(response);
  });
  const receiver: Receiver = {
    url: `${await listen(server)}${SECRET_PATH}`,
    received: [],
    respond: (response) => response.writeHead(204).end(),
    take() {
      const found = receiver.received.slice(taken).map(({ body }) => JSON.parse(body) as Sent);
      taken = receiver.received.length;
      return found;
    },
    [Symbol.asyncDispose]: () => close(server),
  };
  return receiver;
}

/** Verifies a request as the documentation says. */
export function isAuthentic({ headers, body }: Received): boolean {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const expected = createHmac('sha256', WEBHOOK_KEY).update(signed).digest('base64');
  const age = Date.now() / 1000 - Number(headers['webhook-timestamp']);
  return headers['webhook-signature'] === `v1,${expected}` && age >= -1 && age < 300;
}

/** A service with a receiver of alerts and a job of Account, which looks for alerts only when a test says so. */
export interface Alerting {
  [Symbol.asyncDispose](): Promise<void>;
  service: TestService;
  receiver: Receiver;
  /** Creates a job. */
  create(objectName: string): Promise<void>;
  /** Sends what is due, as a process does every few seconds. */
  send(): Promise<void>;
  /** Looks for alerts, and sends them. @returns the messages */
  check(): Promise<Sent[]>;
  types(): Promise<string[]>;
  /** Changes or reads the job store. */
  change(sql: string): Promise<{ rowCount: number | null }>;
  /** The logged lines of an event. */
  events(name: string): Record<string, unknown>[];
}

export async function startAlerting(env: NodeJS.ProcessEnv = {}, options: TestServiceOptions = {}): Promise<Alerting> {
  const receiver = await startReceiver();
  const service = await startService({
    salesforce: { size: 5 },
    ...options,
    env: { ALERT_WEBHOOK_URL: receiver.url, ALERT_WEBHOOK_SECRET: WEBHOOK_SECRET, ...env },
  });
  const userId = await service.connect();
  const alerting: Alerting = {
    service,
    receiver,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
    },
    async create(objectName) {
      const answer = await service.call('create_importing_job', { user_id: userId, object_name: objectName, start_date: '2023-03-01' });
      if (answer.text !== 'OK') throw new Error(answer.text);
    },
    send: () => sendWebhooks(service.context, service.context.webhook!, new AbortController().signal),
    async check() {
      await raiseAlerts(service.context);
      await alerting.send();
      return receiver.take();
    },
    types: async () => (await alerting.check()).map(({ type }) => type),
    change: (sql) => service.database.pool.query(sql),
    events: (name) => service.logged.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ event }) => event === name),
  };
  await alerting.create('Account');
  await raiseAlerts(service.context);
  return alerting;
}
