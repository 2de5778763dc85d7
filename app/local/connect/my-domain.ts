/** Hosts on which many orgs log in: an External Client App of one org is unknown there. */
const SHARED = ['login.salesforce.com', 'test.salesforce.com'];

/**
 * The login host of an org from what a user knows of it: its name, its host, or the address of any page in the browser. For example
 * `acme`, `acme.lightning.force.com` and `https://acme.my.salesforce.com/home` all mean `https://acme.my.salesforce.com`.
 * @returns undefined if the text names no org; an address on this machine, of an emulator, stays as it is
 */
export function parseMyDomain(text: string): string | undefined {
  const typed = text.trim().toLowerCase();
  const url = URL.parse(typed.includes('://') ? typed : `https://${typed}`);
  if (!url || url.username || url.password) return undefined;
  const { hostname, origin } = url;
  if (['127.0.0.1', 'localhost'].includes(hostname)) return origin;
  if (/^[a-z0-9-]+$/.test(hostname)) return `https://${hostname}.my.salesforce.com`;
  const host = hostname
    .replace(/\.lightning\.force\.com$/, '.my.salesforce.com')
    .replace(/\.my\.salesforce-setup\.com$/, '.my.salesforce.com')
    .replace(/\.lightning\.crmforce\.mil$/, '.my.salesforce.mil');
  return /\.salesforce\.(com|mil)$/.test(host) && !SHARED.includes(host) ? `https://${host}` : undefined;
}
