import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { BigQuery } from '@google-cloud/bigquery';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { databasePassword } from '../../app/aws/database-password.ts';
import { taskCredentials } from '../../app/aws/task-credentials.ts';
import { federatedClient } from '../../app/bigquery/federated-client.ts';

/** Stand-ins for what a task of ECS talks to: its credentials endpoint, Secrets Manager, and Google's two token services. */
interface Seen {
  url: string;
  headers: Record<string, unknown>;
  body: string;
}

let server: Server;
let url: string;
const seen: Seen[] = [];
let password = 'first';

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.url === '/never') return;
    seen.push({ url: request.url!, headers: request.headers, body });
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(request.url!)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

function answer(path: string): object {
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  if (path === '/credentials') return { AccessKeyId: 'AKIA', SecretAccessKey: 'aws-secret', Token: 'session', Expiration: soon };
  if (path === '/secrets') return { SecretString: JSON.stringify({ username: 'sync', password }) };
  if (path === '/v1/token') return { access_token: 'federated', token_type: 'Bearer', expires_in: 3600, issued_token_type: 'x' };
  return { accessToken: 'lent', expireTime: soon };
}

const credentials = (): ReturnType<typeof taskCredentials> =>
  taskCredentials({ url: `${url}/credentials`, token: 'endpoint-token', tokenFile: undefined });
const calls = (path: string): Seen[] => seen.filter((call) => call.url.startsWith(path));

describe('in a task of ECS', () => {
  test("the credentials of the role are asked for once, with the endpoint's token, and kept", async () => {
    const give = credentials();
    expect(await give()).toEqual({ accessKeyId: 'AKIA', secretAccessKey: 'aws-secret', token: 'session' });
    await give();
    expect(calls('/credentials')).toHaveLength(1);
    expect(calls('/credentials')[0]!.headers.authorization).toBe('endpoint-token');
  });

  test("the database's password is the one of RDS's secret, asked for with a signed call", async () => {
    const source = databasePassword({ region: 'eu-north-1', endpoint: `${url}/secrets`, credentials: credentials() }, 'arn:aws:secret');
    expect(await source.read()).toBe('first');
    const [call] = calls('/secrets');
    expect(call!.headers['x-amz-target']).toBe('secretsmanager.GetSecretValue');
    expect(call!.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIA\/\d{8}\/eu-north-1\//);
    expect(JSON.parse(call!.body)).toEqual({ SecretId: 'arn:aws:secret' });
  });

  test("the database's password is kept for a while, and asked for anew where it was refused", async () => {
    const source = databasePassword({ region: 'eu-north-1', endpoint: `${url}/secrets`, credentials: credentials() }, 'arn:aws:secret');
    await source.read();
    password = 'second';
    expect(await source.read()).toBe('first');
    source.forget();
    expect(await source.read()).toBe('second');
  });

  test('what AWS does not answer is given up', async () => {
    const silent = { url: `${url}/never`, token: undefined, tokenFile: undefined, answerMs: 20 };
    await expect(taskCredentials(silent)()).rejects.toThrow(/timeout/);
    const store = { region: 'eu-north-1', endpoint: `${url}/never`, credentials: credentials(), answerMs: 20 };
    await expect(databasePassword(store, 'arn:aws:secret').read()).rejects.toThrow(/timeout/);
  });

  test('Google is reached without a key: AWS vouches, STS takes its word, the service account lends a token', async () => {
    const federation = {
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/aws',
      serviceAccount: 'sync@acme.iam.gserviceaccount.com',
      region: 'eu-north-1',
      credentials: credentials(),
    };
    const client = federatedClient(federation, 'https://www.googleapis.com/auth/bigquery', url, url);
    const bigquery = new BigQuery({ projectId: 'acme', apiEndpoint: url, authClient: client });
    await bigquery.getDatasets();
    const [call] = calls('/bigquery/v2/projects/acme/datasets');
    expect(call!.headers.authorization).toBe('Bearer lent');
    const [exchange] = calls('/v1/token');
    const subject = JSON.parse(decodeURIComponent(new URLSearchParams(exchange!.body).get('subject_token')!)) as {
      url: string;
      headers: { key: string; value: string }[];
    };
    expect(subject.url).toMatch(/^https:\/\/sts\.eu-north-1\.amazonaws\.com/);
    expect(subject.headers).toContainEqual({ key: 'x-goog-cloud-target-resource', value: federation.audience });
    const [lent] = calls('/v1/projects/');
    expect(lent!.url).toBe('/v1/projects/-/serviceAccounts/sync%40acme.iam.gserviceaccount.com:generateAccessToken');
    expect(lent!.headers.authorization).toBe('Bearer federated');
  });
});
