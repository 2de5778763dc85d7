import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { close, listen } from './server.ts';
import { startService, type TestService, type TestServiceOptions } from './service.ts';

/** A request that a gateway received. */
export interface Call {
  method: string;
  /** path and query */
  url: string;
  /** the SOQL of a REST query or a Bulk job; '' for other requests */
  soql: string;
  body: string;
}

/** A response on its way back. */
export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** closes the connection halfway through the body */
  cut?: boolean;
}

/** Replies to a call itself, or forwards it with `pass` and may change the reply. If it throws, the connection closes without a response. */
export type Handler = (call: Call, pass: () => Promise<Reply>) => Reply | Promise<Reply>;

/** A proxy in front of an emulator that a test can make misbehave. */
export interface Gateway {
  url: string;
  handler: Handler;
  /** every call so far, oldest first */
  calls: Call[];
  close(): Promise<void>;
}

export function jsonReply(status: number, value: unknown): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

/** An error in Salesforce's format. */
export function refusal(errorCode: string, message: string, status = 400): Reply {
  return jsonReply(status, [{ errorCode, message }]);
}

/** @param target returns the emulator's URL; called for each request, because the URL may not be known yet */
export async function startGateway(target: () => string): Promise<Gateway> {
  const server = createServer({ maxHeaderSize: 262_144 }, async (incoming, outgoing) => {
    const bytes = await buffer(incoming);
    const body = bytes.toString();
    const call: Call = { method: incoming.method!, url: incoming.url!, body, soql: soqlOf(incoming.url!, body) };
    gateway.calls.push(call);
    try {
      // Uncompressed, so that a handler can read and change the body.
      const { 'accept-encoding': _, ...headers } = incoming.headers;
      const reply = await gateway.handler(call, () => forward(target(), call, bytes, headers));
      // The chunks of an upload go through the gateway too.
      const { location } = reply.headers;
      if (location && call.url.startsWith('/upload/')) reply.headers.location = location.replace(target(), gateway.url);
      const content = Buffer.from(reply.body);
      const { 'transfer-encoding': _chunked, connection: _connection, ...kept } = reply.headers;
      outgoing.writeHead(reply.status, { ...kept, 'content-length': content.length });
      if (!reply.cut) return outgoing.end(content);
      outgoing.write(content.subarray(0, content.length >> 1), () => setTimeout(() => incoming.socket.destroy(), 20));
    } catch {
      incoming.socket.destroy();
    }
  });
  const gateway: Gateway = { url: await listen(server), handler: (_call, pass) => pass(), calls: [], close: () => close(server) };
  return gateway;
}

/** A service whose calls to Salesforce go through gateways. */
export interface GatewayService extends TestService {
  /** in front of the login host */
  login: Gateway;
  /** in front of the org's instance */
  instance: Gateway;
  /** The default handler of the login host: forwards the call, and replaces the org's instance in the reply with `home`. */
  passLogin: Handler;
  /** the instance URL that the login host returns: the instance gateway, unless a test moves the org */
  home: string;
}

/** The whole service behind gateways, which forward everything until a test sets a handler. */
export async function startGatewayService(options: TestServiceOptions = {}): Promise<GatewayService> {
  let target = { login: '', instance: '' };
  const login = await startGateway(() => target.login);
  const instance = await startGateway(() => target.instance);
  const env = { SALESFORCE_LOGIN_URL: login.url, SALESFORCE_GZIP: 'off', ...options.env };
  const service = await startService({ ...options, env });
  target = { login: service.salesforce.loginUrl, instance: service.salesforce.instanceUrl };
  const passLogin: Handler = async (_call, pass) => {
    const reply = await pass();
    return { ...reply, body: reply.body.replaceAll(target.instance, behind.home) };
  };
  login.handler = passLogin;
  const behind: GatewayService = {
    ...service,
    login,
    instance,
    passLogin,
    home: instance.url,
    async [Symbol.asyncDispose]() {
      await Promise.all([login.close(), instance.close()]);
      await service[Symbol.asyncDispose]();
    },
  };
  return behind;
}

async function forward(target: string, { method, url }: Call, body: Buffer, headers: IncomingHttpHeaders): Promise<Reply> {
  const forwarded = request(new URL(url, target), { method, headers: { ...headers, host: new URL(target).host } });
  forwarded.end(body);
  const [response] = await once(forwarded, 'response');
  return { status: response.statusCode, headers: response.headers, body: (await buffer(response)).toString() };
}

function soqlOf(url: string, body: string): string {
  if (url.endsWith('/jobs/query')) return body ? ((JSON.parse(body) as { query?: string }).query ?? '') : '';
  return new URL(url, 'http://any').searchParams.get('q') ?? '';
}

/** Ends the grant in Salesforce: the next call's session is refused, and so is its renewal. */
export async function endGrant(service: GatewayService): Promise<void> {
  service.login.handler = (call, pass) =>
    call.body.includes('grant_type=refresh_token')
      ? jsonReply(400, { error: 'invalid_grant', error_description: 'expired access/refresh token' })
      : service.passLogin(call, pass);
  await fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
}
