import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { close, listen } from '../support/server.ts';
import type { ServiceProcess } from './service-process.ts';
import { type HttpCall, httpStep, type Side } from './steps.ts';
import type { Violence } from './violence.ts';

/** A reply of a server behind a proxy. */
export interface HttpReply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface HttpProxyOptions {
  side: Side;
  /** the URL of the server behind it */
  target: string;
  violence: Violence;
  /** the process that sent a request; undefined: none of the service's */
  callerOf: (incoming: IncomingMessage) => ServiceProcess | undefined;
  /** Sees each call before it is forwarded. */
  watch?: (call: HttpCall) => Promise<void>;
  /** Changes each reply on its way back. */
  change?: (call: HttpCall, reply: HttpReply) => HttpReply;
}

export interface HttpProxy {
  url: string;
  close(): Promise<void>;
}

/** A proxy in front of an emulator, at which the process that calls can be killed before the call arrives or before its reply does. */
export async function startHttpProxy(options: HttpProxyOptions): Promise<HttpProxy> {
  const { side, target, violence, callerOf, watch = async () => {}, change = (_call, reply) => reply } = options;
  const server = createServer({ maxHeaderSize: 262_144 }, async (incoming, outgoing) => {
    try {
      const call: HttpCall = { method: incoming.method!, url: incoming.url!, body: await buffer(incoming), headers: incoming.headers };
      const caller = callerOf(incoming);
      const step = httpStep(side, call);
      await violence.reach(caller, step, 'before');
      await watch(call);
      const mishap = caller && violence.takeMishap(side, step);
      if (mishap?.kind === 'silence') return;
      const reply = change(call, await forward(target, call));
      await violence.reach(caller, step, 'after');
      const location = reply.headers.location?.replace(target, url);
      const headers = { ...reply.headers, ...(location !== undefined && { location }) };
      outgoing.writeHead(reply.status, withLength(headers, reply.body.length));
      if (!mishap) return outgoing.end(reply.body);
      const part = reply.body.subarray(0, Math.floor(reply.body.length * mishap.at));
      outgoing.write(part, () => mishap.kind === 'cut' && incoming.socket.destroy());
    } catch {
      // The process was killed, or the call has ended without a reply.
      incoming.socket.destroy();
    }
  });
  const url = await listen(server);
  return { url, close: () => close(server) };
}

function withLength({ 'transfer-encoding': _chunked, connection: _connection, ...kept }: IncomingHttpHeaders, length: number) {
  return { ...kept, 'content-length': length };
}

async function forward(target: string, { method, url, body, headers }: HttpCall): Promise<HttpReply> {
  const forwarded = request(new URL(url, target), { method, headers: { ...headers, host: new URL(target).host } });
  forwarded.end(body);
  const [response] = (await once(forwarded, 'response')) as [IncomingMessage];
  return { status: response.statusCode!, headers: response.headers, body: await buffer(response) };
}
