import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { close, listen } from './server.ts';

export interface Seen {
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Stand-ins for what a task of ECS talks to: its credentials endpoint, Secrets Manager, Google's two token services, and BigQuery. */
export interface KeylessClouds {
  [Symbol.asyncDispose](): Promise<void>;
  url: string;
  /** the task's environment variables that lead to these */
  environment: Record<
    'AWS_CONTAINER_CREDENTIALS_FULL_URI' | 'AWS_CONTAINER_AUTHORIZATION_TOKEN' | 'AWS_ENDPOINT_URL_SECRETS_MANAGER',
    string
  >;
  /** Leaves the next `times` calls whose path starts with `path` without an answer. */
  silence(path: string, times: number): void;
  /** the calls whose path starts with `path` */
  calls(path: string): Seen[];
  /** the password in every secret */
  password: string;
  /** lifetime of the role's credentials */
  credentialsMs: number;
  /** refuses calls whose path starts with `path` with this error */
  refusal: { path: string; status: number; body: object } | undefined;
}

const HOUR_MS = 3_600_000;

export async function startKeylessClouds(): Promise<KeylessClouds> {
  const seen: Seen[] = [];
  const silenced: ServerResponse[] = [];
  let silent = { path: '/never', times: Number.POSITIVE_INFINITY };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({ url: request.url!, headers: request.headers, body });
    if (request.url!.startsWith(silent.path) && silent.times-- > 0) return void silenced.push(response);
    const { refusal } = clouds;
    const refused = refusal && request.url!.startsWith(refusal.path) ? refusal : undefined;
    if (refused) response.statusCode = refused.status;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(refused?.body ?? answer(request.url!)));
  });
  const url = await listen(server);

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
      // Google's library retries a request that breaks, even after the test.
      const open = silenced.filter((response) => !response.closed);
      await Promise.all(open.map((response) => once(response.writeHead(400).end('{}'), 'close')));
      await close(server);
    },
  };
  return clouds;
}
