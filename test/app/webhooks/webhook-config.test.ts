import { describe, expect, test } from '@jest/globals';
import { CONDITIONS } from '../../../app/core/alerts.ts';
import { type ConfigError, EnvReader } from '../../../app/env-reader.ts';
import { readWebhook } from '../../../app/webhooks/webhook-config.ts';

const URL = 'https://alerts.acme.example/s3cr3t-path?key=s3cr3t-key';
const SLACK = 'https://hooks.slack.com/services/T000/B000/s3cr3t-token';
const KEY = Buffer.from('0123456789abcdef0123456789abcdef');
const COMPLETE = { ALERT_WEBHOOK_URL: URL, ALERT_WEBHOOK_SECRET: `whsec_${KEY.toString('base64')}` };

function read(env: NodeJS.ProcessEnv, local = false) {
  const reader = new EnvReader(env);
  const webhook = readWebhook(reader, local);
  reader.finish();
  return webhook;
}

function faultsOf(env: NodeJS.ProcessEnv, local = false): string[] {
  try {
    read(env, local);
    return [];
  } catch (error) {
    return (error as ConfigError).faults;
  }
}

test('there is no receiver unless one is set', () => {
  expect(read({})).toBeUndefined();
});

test('the receiver gets signed messages of all conditions by default', () => {
  expect(read(COMPLETE)).toEqual({ url: URL, secret: KEY, format: 'generic', events: [...CONDITIONS], local: false });
});

test('Slack is recognized by its host, and gets no signature', () => {
  const slack = { url: SLACK, format: 'slack', secret: undefined };
  expect(read({ ALERT_WEBHOOK_URL: SLACK })).toMatchObject(slack);
  expect(read({ ...COMPLETE, ALERT_FORMAT: 'slack' })).toMatchObject({ ...slack, url: URL });
  expect(read({ ...COMPLETE, ALERT_WEBHOOK_URL: SLACK, ALERT_FORMAT: 'generic' })).toMatchObject({ format: 'generic', secret: KEY });
});

test('events are a list of names', () => {
  expect(read({ ...COMPLETE, ALERT_EVENTS: ' tick_completed, run_failed ' })!.events).toEqual(['run_failed', 'tick_completed']);
});

describe('a fault is one sentence without a secret:', () => {
  test.each([
    ['ALERT_WEBHOOK_URL', 'not a URL s3cr3t'],
    ['ALERT_WEBHOOK_URL', `${URL},${SLACK}#s3cr3t`],
    ['ALERT_WEBHOOK_URL', 'http://alerts.acme.example/s3cr3t'],
    ['ALERT_WEBHOOK_URL', 'ftp://alerts.acme.example/s3cr3t'],
    ['ALERT_WEBHOOK_URL', 'https://user:s3cr3t@alerts.acme.example/'],
    ['ALERT_WEBHOOK_URL', 'https://localhost/s3cr3t'],
    ['ALERT_WEBHOOK_URL', 'https://api.localhost./s3cr3t'],
    ['ALERT_WEBHOOK_URL', 'https://127.1/s3cr3t'],
    ['ALERT_WEBHOOK_URL', 'https://0x7f000001/s3cr3t'],
    ['ALERT_WEBHOOK_URL', 'https://[::1]/s3cr3t'],
    ['ALERT_WEBHOOK_URL', 'https://[::ffff:169.254.169.254]/s3cr3t'],
    ['ALERT_WEBHOOK_URL', 'https://169.254.170.2/s3cr3t'],
    ['ALERT_WEBHOOK_SECRET', ''],
    ['ALERT_WEBHOOK_SECRET', 's3cr3t-but-not-in-base64'],
    ['ALERT_WEBHOOK_SECRET', `whsec_${Buffer.alloc(16).toString('base64')}`],
    ['ALERT_EVENTS', 'run_failed,run_exploded'],
    ['ALERT_FORMAT', 'teams'],
  ])('%s=%s', (name, value) => {
    const faults = faultsOf({ ...COMPLETE, [name]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(name);
    expect(faults[0]).not.toMatch(/s3cr3t/);
  });

  test.each(['ALERT_WEBHOOK_SECRET', 'ALERT_EVENTS', 'ALERT_FORMAT'])('%s without a receiver', (name) => {
    expect(faultsOf({ [name]: 's3cr3t' })).toEqual([
      `${name} is set, but ALERT_WEBHOOK_URL is not. Set it to the URL that receives the alerts, or unset ${name}.`,
    ]);
  });
});

test('in local mode, the receiver may be on this machine', () => {
  expect(read({ ...COMPLETE, ALERT_WEBHOOK_URL: 'http://127.0.0.1:9000/' }, true)).toMatchObject({ local: true });
});
