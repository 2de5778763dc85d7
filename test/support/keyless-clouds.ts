import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Stand-ins for what a task of ECS talks to: its credentials endpoint, Secrets Manager, Google's two token services, and BigQuery. */
export interface KeylessClouds {
  [Symbol.asyncDispose](): Promise<void>;
  url: string;
  /** what tells a task of these */
  environment: Record<
    'AWS_CONTAINER_CREDENTIALS_FULL_URI' | 'AWS_CONTAINER_AUTHORIZATION_TOKEN' | 'AWS_ENDPOINT_URL_SECRETS_MANAGER',
    string
  >;
  /** so many calls from now on whose path begins so are never answered */
  silence(path: string, times: number): void;
  /** the calls whose path begins so */
  calls(path: string): Seen[];
  /** in the secret, whichever is asked for */
  password: string;
  /** how long the role's credentials live from when they are asked for */
  credentialsMs: number;
  /** answers a call whose path begins so with this error */
  refusal: { path: string; status: number; body: object } | undefined;
}

const HOUR_MS = 3_600_000;

export async function startKeylessClouds(): Promise<KeylessClouds> {
  const seen: Seen[] = [];
  let silent = { path: '/never', times: Number.POSITIVE_INFINITY };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({ url: request.url!, headers: request.headers, body });
    if (request.url!.startsWith(silent.path) && silent.times-- > 0) return;
    const { refusal } = clouds;
    const refused = refusal && request.url!.startsWith(refusal.path) ? refusal : undefined;
    if (refused) response.statusCode = refused.status;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(refused?.body ?? answer(request.url!)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const answer = (path: string): object => {
    const { password, credentialsMs } = clouds;
    const after = (milliseconds: number): string => new Date(Date.now() + milliseconds).toISOString();
    if (path === '/credentials')
      return { AccessKeyId: 'AKIA', SecretAccessKey: 'aws-secret', Token: 'session', Expiration: after(credentialsMs) };
    if (path === '/secrets') return { SecretString: JSON.stringify({ username: 'sync', password }) };
    if (path === '/v1/token') return { access_token: 'federated', token_type: 'Bearer', expires_in: 3600, issued_token_type: 'x' };
    return { accessToken: 'lent', expireTime: after(HOUR_MS) };
  };

  const clouds: KeylessClouds = {
    url,
    environment: {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'endpoint-token',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: `${url}/secrets`,
    },
    silence: (path, times) => {
      silent = { path, times };
    },
    calls: (path) => seen.filter((call) => call.url.startsWith(path)),
    password: 'first',
    credentialsMs: HOUR_MS,
    refusal: undefined,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return clouds;
}
