import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Role } from '../../app/config.ts';
import { Browser, type Visit } from './browser.ts';

const ROLES: readonly Role[] = ['read', 'data', 'operate', 'admin', 'tick'];

/** A configuration of one key per role, with the role's name; the key itself is `<role>-key`. */
export const API_KEYS = ROLES.map((role) => `${role}:${role}:${createHash('sha256').update(`${role}-key`).digest('hex')}`).join(',');

/** A browser without scripts, at the console. */
export class ConsoleBrowser extends Browser {
  /** of the service, at the name where its pages are without API keys */
  readonly url: string;

  constructor(url: string) {
    super();
    this.url = url.replace('127.0.0.1', 'localhost');
  }

  /** Opens a page below /console. */
  page(path = ''): Promise<Visit> {
    return this.open(`${this.url}/console${path}`);
  }

  /** Sends the form of a page that leads to an action, with further fields, and follows its redirect. */
  async submit(page: Visit, action: string, fields: Record<string, string> = {}): Promise<Visit> {
    const form = formOf(page, action);
    if (!form) throw new Error(`The page has no form for ${action}: ${page.text}`);
    return await this.open(`${this.url}${action}`, {
      method: 'POST',
      fields: { ...form, ...fields },
      headers: { 'Sec-Fetch-Site': 'same-origin' },
    });
  }

  /** Opens a page again and again until its text matches. */
  async waitFor(path: string, text: RegExp): Promise<Visit> {
    for (let tries = 0; ; tries++) {
      const page = await this.page(path);
      if (text.test(textOf(page))) return page;
      if (tries === 100) throw new Error(`${path} does not show ${text}: ${textOf(page)}`);
      await sleep(100);
    }
  }

  async signIn(key: string): Promise<Visit> {
    return await this.submit(await this.page('/sign-in'), '/console/sign-in', { key });
  }
}

/** The hidden fields of a page's form that changes something; undefined: it has none with this action. */
export function formOf({ text }: Visit, action: string): Record<string, string> | undefined {
  const form = [...text.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)].find(([, attributes]) =>
    attributes!.includes(`method="post" action="${action}"`),
  );
  if (!form) return undefined;
  const inputs = [...form[2]!.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  return Object.fromEntries(inputs.map(([, name, value]) => [name!, value!.replaceAll('&amp;', '&')]));
}

/** The text of a page, without its markup. */
export function textOf({ text }: Visit): string {
  return text
    .replaceAll(/<(script|style|title)\b[\s\S]*?<\/\1>/g, '')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&quot;', '"')
    .replaceAll(/\s+/g, ' ');
}
