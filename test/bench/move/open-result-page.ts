import { type Dispatcher, request } from 'undici';
import type { Errand } from './move.ts';
import { PAGE_HEADERS } from './pages.ts';

/** Requests a result page with undici only. Its body stays compressed. */
export async function openResultPage(
  { sourceUrl, pages }: Errand,
  locator: string | null,
  dispatcher: Dispatcher,
): Promise<{ rows: number; next: string | null; body: Dispatcher.ResponseData['body'] }> {
  const query = locator === null ? '' : `?locator=${locator}`;
  const url = `${sourceUrl}/services/data/v66.0/jobs/query/${pages}/results${query}`;
  const { headers, body } = await request(url, { dispatcher, headers: { 'accept-encoding': 'gzip' } });
  const next = String(headers[PAGE_HEADERS.locator]);
  return { rows: Number(headers[PAGE_HEADERS.rows]), next: next === 'null' ? null : next, body };
}
