import { type AlertEvent, CONDITIONS, PROGRESS } from '../core/alerts.ts';
import { isForbiddenAddress } from '../core/connections/forbidden-address.ts';
import type { EnvReader } from '../env-reader.ts';

/** The receiver of alerts. */
export interface WebhookConfig {
  /** a secret: Slack's contains the token */
  url: string;
  /** signs messages of the generic format; undefined: Slack's format, which has no signature */
  secret: Buffer | undefined;
  format: 'generic' | 'slack';
  events: AlertEvent[];
  /** whether the receiver may be on this machine */
  local: boolean;
}

const SLACK_HOSTS = ['hooks.slack.com', 'hooks.slack-gov.com'];

const EVENTS: readonly AlertEvent[] = [...CONDITIONS, ...PROGRESS];

/** The other variables, which have no effect by themselves. */
const OTHERS = ['ALERT_WEBHOOK_SECRET', 'ALERT_EVENTS', 'ALERT_FORMAT'];

/** Reads the receiver of alerts, if there is one. No fault contains the URL. @param local whether http and this machine are allowed */
export function readWebhook(read: EnvReader, local: boolean): WebhookConfig | undefined {
  const address = read.env.ALERT_WEBHOOK_URL?.trim();
  if (!address) {
    for (const name of OTHERS.filter((other) => read.env[other]?.trim())) {
      read.fault(`${name} is set, but ALERT_WEBHOOK_URL is not. Set it to the URL that receives the alerts, or unset ${name}.`);
    }
    return undefined;
  }
  const url = URL.parse(address);
  if (!url) read.fault('ALERT_WEBHOOK_URL is invalid. Set it to one URL, https://<host>/<path>.');
  else checkUrl(read, url, local);
  const format = readFormat(read, url?.hostname ?? '');
  return {
    url: address,
    format,
    secret: format === 'generic' ? readSecret(read) : undefined,
    events: readEvents(read),
    local,
  };
}

function checkUrl(read: EnvReader, url: URL, local: boolean): void {
  if (url.protocol !== 'https:' && !(local && url.protocol === 'http:')) read.fault('ALERT_WEBHOOK_URL must start with https://.');
  // The signature authenticates messages, and a part behind # is never sent.
  if (url.username || url.password || url.hash) read.fault('ALERT_WEBHOOK_URL must not contain a user, a password or a #.');
  const isThisMachine = isForbiddenAddress(url.hostname) || /(^|\.)localhost\.?$/.test(url.hostname);
  if (!local && isThisMachine) {
    read.fault('ALERT_WEBHOOK_URL is an address of this machine, its link or the metadata of its cloud. Use a host elsewhere.');
  }
}

function readFormat(read: EnvReader, host: string): WebhookConfig['format'] {
  if (read.env.ALERT_FORMAT?.trim()) return read.choice('ALERT_FORMAT', ['generic', 'slack']);
  return SLACK_HOSTS.includes(host) ? 'slack' : 'generic';
}

/** A secret in the form of Standard Webhooks. */
function readSecret(read: EnvReader): Buffer {
  const text = read.text('ALERT_WEBHOOK_SECRET', 'the output of `echo "whsec_$(openssl rand -base64 32)"`, which the receiver needs too');
  const key = Buffer.from(text.replace(/^whsec_/, ''), 'base64');
  const isValid = /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text) && key.length >= 24 && key.length <= 64;
  if (text && !isValid) read.fault('ALERT_WEBHOOK_SECRET must be whsec_ and 24 to 64 random bytes in base64.');
  return key;
}

function readEvents(read: EnvReader): AlertEvent[] {
  const names = (read.env.ALERT_EVENTS ?? '').split(',').map((name) => name.trim());
  if (names.every((name) => name === '')) return [...CONDITIONS];
  const events = EVENTS.filter((event) => names.includes(event));
  if (names.some((name) => !(EVENTS as readonly string[]).includes(name))) {
    read.fault(`ALERT_EVENTS must be a comma-separated list of these names: ${EVENTS.join(', ')}.`);
  }
  return events;
}
