import { describe, expect, test } from '@jest/globals';
import { startService, type TestService } from '../../support/service.ts';

const ACCESS_TOKEN = /^00D\w+!/;
const REFRESH_TOKEN = /^5Aep861/;
const CODE = /^aPrx/;

const secret = ({ salesforce }: TestService, pattern: RegExp): string => salesforce.secrets().find((text) => pattern.test(text))!;

/** What a service has written is searched for secrets and record values at its end: so does every story. */
describe('a story fails if', () => {
  test.each<[string, (service: TestService) => unknown, string]>([
    ['the log contains a token', (service) => service.logged.push(secret(service, ACCESS_TOKEN)), 'a Salesforce secret is in the log'],
    [
      'a column contains the value of a record',
      async ({ database, salesforce }) => {
        const [account] = salesforce.org.records('Account');
        await database.pool.query('UPDATE connections SET identity_url = $1', [account!.Name]);
      },
      "the value of a record is in the job store's table connections",
    ],
    [
      'a column contains a token that is not sealed',
      (service) => service.database.pool.query('UPDATE connections SET refresh_token = $1', [secret(service, REFRESH_TOKEN)]),
      "a Salesforce secret is in the job store's table connections",
    ],
    [
      'a BigQuery job contains a code',
      (service) => service.client.query({ query: `SELECT '${secret(service, CODE)}'`, labels: { run: 'one' } }),
      'a Salesforce secret is in the ids, labels and statements of BigQuery jobs',
    ],
    [
      'a response contains the API key of its request',
      async ({ url, call }) => {
        const key = 'an-api-key-of-some-length';
        await fetch(`${url}/jobs`, { headers: { authorization: `Bearer ${key}` } });
        await call('get_oauth_url', { redirect_uri: `https://127.0.0.1/${key}` });
      },
      "an API key is in the API's responses",
    ],
    [
      'a column contains the token of a connect link',
      async ({ url, database }) => {
        const link = (await (await fetch(`${url}/v1/connect-links`, { method: 'POST' })).json()) as { url: string };
        const token = link.url.split('/').at(-1)!;
        await fetch(`${url}/connect/${token}`, { redirect: 'manual' });
        await database.pool.query('UPDATE connections SET identity_url = $1', [token]);
      },
      "a cookie or the token of a connect link is in the job store's table connections",
    ],
    [
      'the log contains the cookie of a browser',
      async ({ url, logged }) => {
        const cookie = 'c'.repeat(43);
        await fetch(`${url}/connect/done`, { headers: { cookie: `login=${cookie}` }, redirect: 'manual' });
        logged.push(cookie);
      },
      'a cookie or the token of a connect link is in the log',
    ],
  ])('%s', async (_what, leak, message) => {
    const service = await startService({ worker: false });
    await service.connect();
    await leak(service);
    await expect(service[Symbol.asyncDispose]()).rejects.toThrow(message);
  });
});
