import { expect, test } from '@jest/globals';
import { pollTickQueue } from '../../app/actions/poll-tick-queue.ts';
import { TickQueue } from '../../app/aws/tick-queue.ts';
import { startService, type TestService } from '../support/service.ts';
import { type SqsEmulator, startSqs } from '../support/sqs.ts';

const credentials = async () => ({ accessKeyId: 'AKIA', secretAccessKey: 'aws-secret', token: 'session' });

const queueOf = ({ url, queueUrl }: SqsEmulator): TickQueue =>
  new TickQueue({ region: 'eu-north-1', endpoint: url, credentials }, queueUrl);

const eventsIn = ({ logged }: TestService, name: string): number =>
  logged.filter((line) => (JSON.parse(line) as { event?: string }).event === name).length;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((done) => setTimeout(done, 10));
}

test('a message of the schedule is a tick, several are one, and handled ones are deleted', async () => {
  await using sqs = await startSqs();
  await using service = await startService({ worker: false });
  sqs.send();
  sqs.send();
  const polling = pollTickQueue(service.context, queueOf(sqs));
  await until(() => sqs.length() === 0);
  expect(eventsIn(service, 'tick')).toBe(1);
  sqs.send();
  await until(() => sqs.length() === 0);
  expect(eventsIn(service, 'tick')).toBe(2);
  expect(new Set(sqs.scopes)).toEqual(new Set(['eu-north-1']));
  await polling.stop();
});

test('a message stays in the queue until its tick succeeded, and a queue that refuses is asked again', async () => {
  await using sqs = await startSqs();
  await using service = await startService({ worker: false });
  sqs.refusals = 2;
  sqs.send();
  const { pool } = service.database;
  await pool.query('ALTER TABLE jobs RENAME TO hidden');
  const polling = pollTickQueue(service.context, queueOf(sqs), 10);
  await until(() => eventsIn(service, 'tick_failed') >= 3);
  expect(sqs.length()).toBe(1);
  await pool.query('ALTER TABLE hidden RENAME TO jobs');
  await until(() => sqs.length() === 0);
  expect(eventsIn(service, 'tick')).toBe(1);
  await polling.stop();
});

test('a service that is reached by a tunnel only refuses connect links, and says what to do', async () => {
  await using service = await startService({ worker: false, env: { PUBLIC_URL: 'http://localhost:4444' } });
  const response = await fetch(`${service.url}/v1/connect-links`, { method: 'POST' });
  expect({ status: response.status, body: await response.json() }).toEqual({
    status: 409,
    body: {
      error: {
        code: 'conflict',
        message:
          'Only you can reach this service, at http://localhost:4444, so no one else can open a connect link. Connect the org there yourself, or give the service a public address.',
      },
    },
  });
});
