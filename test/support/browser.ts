import { request } from 'node:http';
import { decide } from './service.ts';

export interface Visit {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** of the page, after its redirects */
  url: string;
}

export interface VisitOptions {
  method?: string;
  headers?: Record<string, string>;
  /** of a form */
  fields?: Record<string, string>;
}

/** A browser as far as logins need one: cookies per host, redirects, links, forms. */
export class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();
  readonly #servers: Record<string, string>;
  /** every address that the address bar has shown */
  readonly history: string[] = [];

  /** @param servers the actual address behind an origin, as a load balancer's */
  constructor(servers: Record<string, string> = {}) {
    this.#servers = servers;
  }

  /** Sends one request, and keeps its cookies. */
  async send(url: string, { method = 'GET', headers = {}, fields }: VisitOptions = {}): Promise<Visit> {
    const { hostname, origin } = new URL(url);
    const target = url.replace(origin, this.#servers[origin] ?? origin);
    const jar = this.#cookies.get(hostname) ?? new Map<string, string>();
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const form = fields && { 'Content-Type': 'application/x-www-form-urlencoded' };
    const visit = await new Promise<Visit>((resolve, reject) => {
      const sent = request(target, { method, headers: { ...(cookie && { Cookie: cookie }), ...form, ...headers } }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text, url }));
      });
      sent.on('error', reject).end(fields && new URLSearchParams(fields).toString());
    });
    for (const line of [visit.headers['set-cookie'] ?? []].flat()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      jar.set(name!, value!);
    }
    this.#cookies.set(hostname, jar);
    return visit;
  }

  /** Opens a page, following redirects. */
  async open(url: string, options: VisitOptions = {}): Promise<Visit> {
    this.history.push(url);
    const visit = await this.send(url, options);
    const { location } = visit.headers;
    if (typeof location !== 'string' || visit.status < 300 || visit.status > 399) return visit;
    const target = new URL(location, url).href;
    return isAuthorizeUrl(target) ? { ...visit, url: target } : await this.open(target);
  }

  /** Follows the first link of a page whose text matches. */
  async click(page: Visit, text: RegExp): Promise<Visit> {
    const link = [...page.text.matchAll(/<a [^>]*href="([^"]*)"[^>]*>([^<]*)<\/a>/g)].find(([, , label]) => text.test(label!));
    if (!link) throw new Error(`No link ${text} in ${page.text}`);
    return await this.open(new URL(link[1]!, page.url).href);
  }

  /** Presses the only button of a page, whose form leads back to the page. */
  async press(page: Visit): Promise<Visit> {
    if (!page.text.includes('<form method="post"><button')) throw new Error(`No button in ${page.text}`);
    return await this.open(page.url, { method: 'POST', fields: {}, headers: { 'Sec-Fetch-Site': 'same-origin' } });
  }

  /** Decides on Salesforce's page, and follows the redirect back. */
  async decide({ url }: Visit, decision: 'allow' | 'deny'): Promise<Visit> {
    return await this.open((await decide(url, decision)).href);
  }
}

function isAuthorizeUrl(url: string): boolean {
  return new URL(url).pathname === '/services/oauth2/authorize';
}
