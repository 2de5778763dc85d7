/**
 * Domains under which Salesforce runs instances: those that its own CLI knows (forcedotcom/sfdx-core, sfdcUrl.ts), with the ones of
 * Government Cloud and of Salesforce on Alibaba Cloud.
 */
const DOMAINS = ['salesforce.com', 'force.com', 'cloudforce.com', 'salesforce.mil', 'crmforce.mil', 'sfcrmproducts.cn'];

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Whether an instance URL may be sent tokens: an https host of Salesforce's, or a login host that the operator configured. On this
 * machine also without TLS, where a login host is here too: then both are emulators.
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
