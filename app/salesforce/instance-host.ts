/**
 * Domains of Salesforce instances: those in Salesforce's own CLI (forcedotcom/sfdx-core, sfdcUrl.ts), including Government Cloud and
 * Salesforce on Alibaba Cloud.
 */
const DOMAINS = ['salesforce.com', 'force.com', 'cloudforce.com', 'salesforce.mil', 'crmforce.mil', 'sfcrmproducts.cn'];

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Whether tokens may be sent to an instance URL: an https Salesforce host or a configured login host. A loopback address is allowed
 * without TLS if a login host is on loopback too, because both are then emulators.
 * @param loginUrls the configured login hosts
 */
export function isInstanceHost(instanceUrl: string, loginUrls: readonly string[]): boolean {
  const url = URL.parse(instanceUrl);
  if (!url || url.username || url.password) return false;
  const logins = loginUrls.flatMap((loginUrl) => URL.parse(loginUrl) ?? []);
  if (LOOPBACK.has(url.hostname)) return logins.some(({ hostname }) => LOOPBACK.has(hostname));
  if (url.protocol !== 'https:') return false;
  return DOMAINS.some((domain) => url.hostname.endsWith(`.${domain}`)) || logins.some(({ host }) => host === url.host);
}
