/**
 * Domains of Salesforce instances: those in Salesforce's own CLI (forcedotcom/sfdx-core, sfdcUrl.ts), including Government Cloud and
 * Salesforce on Alibaba Cloud.
 */
const DOMAINS = ['salesforce.com', 'force.com', 'cloudforce.com', 'salesforce.mil', 'crmforce.mil', 'sfcrmproducts.cn'];

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Whether tokens may be sent to an instance URL: `https://<host>` and nothing else, where the host is Salesforce's or trusted. A loopback
 * address is allowed without TLS if a trusted one is on loopback too, because both are then emulators.
 * @param trusted the configured login hosts and SALESFORCE_HOSTS, as URLs
 */
export function isInstanceHost(instanceUrl: string, trusted: readonly string[]): boolean {
  const url = parseOrigin(instanceUrl);
  if (!url) return false;
  const others = trusted.flatMap((one) => URL.parse(one) ?? []);
  return LOOPBACK.has(url.hostname) ? others.some(({ hostname }) => LOOPBACK.has(hostname)) : isTrusted(url, others);
}

/**
 * Whether the app's secret may be sent to a login host: one on this machine, or `https://<host>` of Salesforce or SALESFORCE_HOSTS.
 * @param trusted SALESFORCE_HOSTS, as URLs
 */
export function isLoginHost(loginUrl: string, trusted: readonly string[]): boolean {
  const url = parseOrigin(loginUrl);
  return (
    url !== undefined &&
    (LOOPBACK.has(url.hostname) ||
      isTrusted(
        url,
        trusted.flatMap((one) => URL.parse(one) ?? []),
      ))
  );
}

function isTrusted({ protocol, hostname, host, port }: URL, others: readonly URL[]): boolean {
  // Salesforce serves its hosts on the usual port only.
  const isSalesforce =
    port === '' && /^(?:[a-z0-9-]+\.)+[a-z]+$/.test(hostname) && DOMAINS.some((domain) => hostname.endsWith(`.${domain}`));
  return protocol === 'https:' && (isSalesforce || others.some((other) => other.host === host));
}

/** A URL that is only a scheme and a host: paths are appended to it, so anything more could change where they lead. */
function parseOrigin(text: string): URL | undefined {
  const url = URL.parse(text);
  return url && url.origin === text.toLowerCase().replace(/\/$/, '') ? url : undefined;
}
