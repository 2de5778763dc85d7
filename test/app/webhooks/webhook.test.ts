import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CONDITIONS, PROGRESS } from '../../../app/core/alerts.ts';
import type { AppError } from '../../../app/errors.ts';
import { toSlackText } from '../../../app/webhooks/slack-text.ts';
import { openWebhook } from '../../../app/webhooks/webhook.ts';
import { type Receiver, SECRET_PATH, startReceiver } from '../../support/receiver.ts';

const NO_PROXY = { httpProxy: '', httpsProxy: '', noProxy: '' };
const CONTENT = { type: 'overdue', timestamp: '2026-11-27T00:00:00.000Z', data: { jobs: 1 } };

describe('a request', () => {
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver();
  });
  afterEach(() => receiver[Symbol.asyncDispose]());

  async function errorOf(url: string, local: boolean): Promise<AppError | undefined> {
    const webhook = openWebhook({ url, secret: undefined, format: 'generic', events: [], local }, NO_PROXY, 1_000);
    try {
      return await webhook.send('an id', CONTENT, new AbortController().signal).then(
        () => undefined,
        (error: AppError) => error,
      );
    } finally {
      await webhook.close();
    }
  }

  // The resolver decides where a name leads, after the configuration was checked.
  test('goes to no name that leads to this machine, except in local mode', async () => {
    const named = receiver.url.replace('127.0.0.1', 'localhost');
    const error = await errorOf(named, false);
    expect(error).toMatchObject({ code: 'webhook_failed', message: expect.stringContaining('has an address of this machine') });
    expect(receiver.received).toEqual([]);
    expect(await errorOf(receiver.url, true)).toBeUndefined();
    expect(receiver.received).toHaveLength(1);
  });

  test.each([
    ['responds with an error', () => receiver.url],
    ['does not listen', () => `http://127.0.0.1:1${SECRET_PATH}`],
    ['does not exist', () => `http://nowhere.invalid${SECRET_PATH}`],
  ])('to a receiver that %s fails without showing the URL', async (_, url) => {
    receiver.respond = (response) => response.writeHead(500).end('s3cr3t');
    const error = await errorOf(url(), true);
    expect(error).toMatchObject({ code: 'webhook_failed', recovery: 'retry' });
    expect(error!.cause).toBeUndefined();
    expect(`${error!.message} ${JSON.stringify(error!.details)} ${error!.stack}`).not.toMatch(/s3cr3t|T0000/);
  });
});

describe("Slack's text", () => {
  test.each([...CONDITIONS, ...PROGRESS])('of %s is one line', (event) => {
    const data = {
      columns: ['Phone', 'Fax'],
      fields: ['Secret__c'],
      object_name: 'Account',
      run_id: 'run-1',
      service: 'https://sync.acme.example',
    };
    expect(toSlackText({ ...CONTENT, type: event, data })).toMatch(/^\*Account\*: \S.* \(run run-1\) – https:\/\/sync\.acme\.example$/);
    expect(toSlackText({ ...CONTENT, type: `${event}.resolved`, data })).toMatch(/^:white_check_mark: Over: \*Account\*: \S/);
  });

  test('says which repair failed', () => {
    const data = { kind: 'reimport', repair: 'erase', error_code: 'bigquery_refused' };
    expect(toSlackText({ ...CONTENT, type: 'run_failed', data })).toBe('the erasure of a record failed with `bigquery_refused`');
  });

  test('cannot contain a link or a mention', () => {
    expect(toSlackText({ ...CONTENT, type: 'run_failed', data: { kind: 'window', error_code: '<!channel> & <http://x>' } })).toBe(
      'a window failed with `&lt;!channel&gt; &amp; &lt;http://x&gt;`',
    );
  });
});
