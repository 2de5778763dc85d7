import { createHmac } from 'node:crypto';
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { EnvHttpProxyAgent } from 'undici';
import type { Content } from '../core/alert-messages.ts';
import { isForbiddenAddress } from '../core/connections/forbidden-address.ts';
import { readRetryAfter } from '../core/retry-after.ts';
import { AppError, externalErrorCode } from '../errors.ts';
import { toSlackText } from './slack-text.ts';
import type { WebhookConfig } from './webhook-config.ts';

/** Proxies for outgoing requests. A proxy resolves names itself, so it also decides which addresses it may reach. */
interface Proxy {
  httpProxy: string;
  httpsProxy: string;
  noProxy: string;
}

/** The receiver of alerts. */
export interface Webhook {
  /**
   * Sends a message once. Follows no redirect, and discards the response.
   * @param id the same for each try
   * @throws AppError webhook_failed; its recovery is give-up if the receiver wants no more messages (410). It contains nothing of the URL
   */
  send(id: string, content: Content, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const FORBIDDEN_ADDRESS = 'FORBIDDEN_ADDRESS';

/** Resolves names like the default, and refuses a name with a forbidden address: at each connection, because DNS may change. */
const lookupAllowed: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, []);
    if (addresses.some(({ address }) => isForbiddenAddress(address))) {
      return callback(Object.assign(new Error('forbidden address'), { code: FORBIDDEN_ADDRESS }), []);
    }
    if (options.all) return callback(null, addresses);
    return callback(null, addresses[0]!.address, addresses[0]!.family);
  });
};

/** @param timeoutMs of a request, from its start to the response */
export function openWebhook(config: WebhookConfig, proxy: Proxy, timeoutMs: number): Webhook {
  const agent = new EnvHttpProxyAgent({ ...proxy, connect: config.local ? {} : { lookup: lookupAllowed } });
  const { origin, pathname, search } = new URL(config.url);
  return {
    async send(id, content, signal) {
      const body = config.format === 'slack' ? JSON.stringify({ text: toSlackText(content) }) : JSON.stringify(content);
      const headers = { 'content-type': 'application/json', ...(config.secret && signatureOf(config.secret, id, body, new Date())) };
      const timeout = AbortSignal.timeout(timeoutMs);
      const response = await agent
        .request({ origin, path: pathname + search, method: 'POST', headers, body, signal: AbortSignal.any([signal, timeout]) })
        .catch((error: unknown) => {
          throw timeout.aborted ? failed(`did not respond within ${timeoutMs / 1000} seconds`) : unreachable(externalErrorCode(error));
        });
      // The status says everything, and the rest may never end.
      response.body.on('error', () => {}).destroy();
      const { statusCode, headers: received } = response;
      if (statusCode >= 200 && statusCode < 300) return;
      throw refused(statusCode, readRetryAfter(received));
    },
    close: () => agent.destroy(),
  };
}

/** The headers of Standard Webhooks: HMAC-SHA256 of id, time and body. */
function signatureOf(secret: Buffer, id: string, body: string, now: Date): Record<string, string> {
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

function refused(status: number, retryAfterMs: number | undefined): AppError {
  if (status === 410) {
    return new AppError('webhook_failed', 'The receiver of alerts wants no more messages (410). Correct or unset ALERT_WEBHOOK_URL.', {
      recovery: 'give-up',
      details: { status },
    });
  }
  const what = status >= 300 && status < 400 ? `redirects (${status}), which is not followed` : `responded with ${status}`;
  return failed(what, { details: { status }, retryAfterMs });
}

function unreachable(code: string | undefined): AppError {
  if (code === FORBIDDEN_ADDRESS) return failed('has an address of this machine, its link or the metadata of its cloud');
  return failed(`cannot be reached${code ? ` (${code})` : ''}`);
}

/** Without the cause, because it may quote the URL. */
function failed(what: string, options: { details?: Record<string, number>; retryAfterMs?: number | undefined } = {}): AppError {
  return new AppError('webhook_failed', `The receiver of alerts ${what}. Check ALERT_WEBHOOK_URL.`, options);
}
