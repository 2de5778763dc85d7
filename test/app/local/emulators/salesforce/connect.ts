import { setTimeout } from 'node:timers/promises';
import { Connection } from 'jsforce/lib/connection.js';
import { OAuth2 } from 'jsforce/lib/oauth2.js';
import {
  type SalesforceEmulator,
  type SalesforceOptions,
  startSalesforce,
} from '../../../../../app/local/emulators/salesforce/salesforce.ts';

export const REDIRECT_URI = 'https://127.0.0.1/login/callback';

export interface Tokens {
  access_token: string;
  refresh_token: string;
  instance_url: string;
  id: string;
}

export interface Connected {
  emulator: SalesforceEmulator;
  oauth2: OAuth2;
  tokens: Tokens;
  connection: Connection;
  /** Sends a request to the instance host with the session's token. */
  ask(path: string, options?: RequestInit): Promise<Response>;
}

/** Starts an emulator and connects to it as a real app does: authorize page, Allow, code, tokens. */
export async function connect(options: SalesforceOptions = {}): Promise<Connected> {
  const emulator = await startSalesforce({ size: 60, now: '2023-03-20T00:10:00Z', bulkDelayMs: 1, ...options });
  const oauth2 = oauth2Of(emulator);
  const tokens = await grant(emulator, oauth2);
  const { access_token: accessToken, instance_url: instanceUrl } = tokens;
  const connection = new Connection({ version: '66.0', accessToken, instanceUrl });
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(emulator.instanceUrl + path, {
      ...init,
      headers: { Authorization: `Bearer ${accessToken}`, ...(init.headers as Record<string, string>) },
    });
  return { emulator, oauth2, tokens, connection, ask };
}

export function oauth2Of(emulator: SalesforceEmulator): OAuth2 {
  const { clientId, clientSecret, loginUrl } = emulator;
  return new OAuth2({ clientId, clientSecret, loginUrl, redirectUri: REDIRECT_URI, useVerifier: true });
}

export async function grant(emulator: SalesforceEmulator, oauth2: OAuth2): Promise<Tokens> {
  const back = await decide(emulator, oauth2.getAuthorizationUrl({}), 'allow');
  return (await oauth2.requestToken(back.searchParams.get('code') ?? '')) as unknown as Tokens;
}

/** Presses a button on the authorize page. @returns the URL that the browser is redirected to */
export async function decide(emulator: SalesforceEmulator, authorizeUrl: string, decision: 'allow' | 'deny'): Promise<URL> {
  const page = await (await fetch(authorizeUrl)).text();
  const form = new URLSearchParams({ decision });
  for (const [, name = '', value = ''] of page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g))
    form.set(name, unescapeHtml(value));
  const reply = await fetch(`${emulator.loginUrl}/services/oauth2/authorize`, { method: 'POST', body: form, redirect: 'manual' });
  return new URL(reply.headers.get('Location') ?? '');
}

function unescapeHtml(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

export interface BulkJobReply {
  id: string;
  state: string;
  numberRecordsProcessed: number;
  errorMessage?: string;
}

/** Creates a Bulk job; `more` has further fields of its creation. */
export function createJob({ connection }: Connected, query: string, more: object = {}): Promise<BulkJobReply> {
  const body = JSON.stringify({ operation: 'query', query, ...more });
  const headers = { 'Content-Type': 'application/json' };
  return connection.request({ method: 'POST', url: '/services/data/v66.0/jobs/query', body, headers });
}

/** Polls a job until it is in a terminal state. */
export async function finish({ connection }: Connected, id: string): Promise<BulkJobReply> {
  for (;;) {
    const job = await connection.request<BulkJobReply>(`/services/data/v66.0/jobs/query/${id}`);
    if (!['UploadComplete', 'InProgress'].includes(job.state)) return job;
    await setTimeout(2);
  }
}

/** Runs a query as a Bulk job and reads all pages. @returns one array of values per row, without header rows */
export async function bulkRows(
  connected: Connected,
  query: string,
  options: { maxRecords?: number; operation?: string } = {},
): Promise<string[][]> {
  const { id } = await createJob(connected, query, { operation: options.operation ?? 'query' });
  await finish(connected, id);
  const rows: string[][] = [];
  for (let locator: string | null = ''; locator !== 'null'; ) {
    const parameters = new URLSearchParams({ ...(locator ? { locator } : {}), maxRecords: String(options.maxRecords ?? 1000) });
    const page = await connected.ask(`/services/data/v66.0/jobs/query/${id}/results?${parameters}`);
    rows.push(...parseCsv(await page.text()).slice(1));
    locator = page.headers.get('Sforce-Locator');
    if (locator === null) throw new Error('The locator is missing.');
  }
  return rows;
}

/** Reads CSV in which every value is quoted. Throws on anything else. */
export function parseCsv(text: string, delimiter = ',', lineEnding = '\n'): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (let position = 0; position < text.length; ) {
    const [quoted, inner = ''] = /^"((?:[^"]|"")*)"/.exec(text.slice(position)) ?? [];
    if (quoted === undefined) throw new Error(`No quoted value at ${position}.`);
    row.push(inner.replaceAll('""', '"'));
    position += quoted.length;
    const separator = [delimiter, lineEnding].find((candidate) => text.startsWith(candidate, position));
    if (separator === undefined) throw new Error(`Neither delimiter nor line ending at ${position}.`);
    position += separator.length;
    if (separator === delimiter) continue;
    rows.push(row);
    row = [];
  }
  return rows;
}
