import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type BigQueryEmulator, startBigQuery } from '../../../../app/local/emulators/bigquery/rest/bigquery.ts';
import { type SalesforceEmulator, startSalesforce } from '../../../../app/local/emulators/salesforce/salesforce.ts';

let salesforce: SalesforceEmulator;
let bigquery: BigQueryEmulator;
beforeAll(async () => {
  [salesforce, bigquery] = await Promise.all([startSalesforce({ size: 10 }), startBigQuery()]);
});
afterAll(() => Promise.all([salesforce.close(), bigquery.close()]));

/** Sends a request with headers that fetch would not send. */
async function send(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<{ status: number; body: string }> {
  return await new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers }, async (response) =>
      resolve({ status: response.statusCode!, body: await text(response) }),
    );
    outgoing.on('error', reject).end();
  });
}

describe.each<[string, () => string]>([
  ['the login host', () => `${salesforce.loginUrl}/services/oauth2/authorize?client_id=${salesforce.clientId}`],
  ['the instance', () => `${salesforce.instanceUrl}/emulator/records?object=User`],
  ['BigQuery', () => `${bigquery.url}/bigquery/v2/projects/${bigquery.project}/datasets`],
])('%s', (_name, url) => {
  const refused = { status: 403, body: expect.stringContaining('serves only programs and pages on this machine') };

  test.each<[string, (host: string, port: string) => Record<string, string>]>([
    ['a foreign host name that resolves to this machine', (_host, port) => ({ host: `rebound.example:${port}` })],
    ['a host name with our address as a prefix', (_host, port) => ({ host: `127.0.0.1.rebound.example:${port}` })],
    ['another port', () => ({ host: '127.0.0.1:1' })],
    ['no port', () => ({ host: '127.0.0.1' })],
    ['a page from another site', () => ({ origin: 'https://evil.example' })],
    ['a page without an origin', () => ({ origin: 'null' })],
    ['a page from another port on this machine', () => ({ origin: 'http://127.0.0.1:1' })],
    [
      'an image or script request from another site',
      () => ({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' }),
    ],
    ['a frame on another site', () => ({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' })],
  ])('refuses %s', async (_what, headers) => {
    const { host, port } = new URL(url());
    expect(await send(url(), headers(host, port))).toEqual(refused);
  });

  test('refuses the preflight request of a page from another site', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'PUT' };
    expect(await send(url(), headers, 'OPTIONS')).toEqual(refused);
  });

  test('serves programs and its own pages, under any name of this machine', async () => {
    const { host, port, origin } = new URL(url());
    for (const headers of [
      {},
      { host: `localhost:${port}` },
      { host: `[::1]:${port}` },
      { host, origin, 'sec-fetch-site': 'same-origin' },
    ]) {
      expect((await send(url(), headers)).body).not.toContain('this machine only');
    }
  });
});

test('another site may link to the authorize page', async () => {
  const linked = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
  const page = `${salesforce.loginUrl}/services/oauth2/authorize?client_id=wrong`;
  expect((await send(page, linked)).body).toContain('invalid_client_id');
  expect((await send(`${salesforce.instanceUrl}/emulator/records?object=User`, linked)).status).toBe(403);
  expect((await send(page, linked, 'POST')).status).toBe(403);
});
