import type { BigQuery } from '@google-cloud/bigquery';
import type { HttpReply } from './http-proxy.ts';
import type { HttpCall } from './steps.ts';
import type { Store } from './store.ts';
import type { Violence } from './violence.ts';

/** Counts the Bulk pages that are requested although BigQuery has loaded them, and makes pages repeat earlier ones. */
export class PageWatch {
  refetched = 0;
  readonly #database: Store;
  readonly #client: BigQuery;
  readonly #violence: Violence;
  readonly #requested = new Set<string>();
  /** the ids of all load jobs that were created */
  readonly #loads = new Set<string>();
  /** by Bulk job and number of rows, the first page with so many */
  readonly #first = new Map<string, { locator: string | null; reply: HttpReply }>();

  constructor(database: Store, client: BigQuery, violence: Violence) {
    this.#database = database;
    this.#client = client;
    this.#violence = violence;
  }

  async watch(call: HttpCall): Promise<void> {
    const page = pageOf(call);
    if (!page) return;
    const name = `${page.job} ${page.locator}`;
    if (this.#requested.has(name) && (await this.#isLoaded(page).catch(() => false))) this.refetched++;
    this.#requested.add(name);
  }

  change(call: HttpCall, reply: HttpReply): HttpReply {
    const page = pageOf(call);
    const { 'sforce-numberofrecords': rows, 'sforce-locator': locator } = reply.headers;
    if (!page || reply.status !== 200) return reply;
    const name = `${page.job} ${rows}`;
    const first = this.#first.get(name);
    if (!first) this.#first.set(name, { locator: page.locator, reply });
    if (!first || first.locator === page.locator || !this.#violence.takeRepeat()) return reply;
    return { ...first.reply, headers: { ...first.reply.headers, ...(locator !== undefined && { 'sforce-locator': locator }) } };
  }

  noteLoad(reply: HttpReply): HttpReply {
    const id = reply.status === 200 && /"jobId":\s*"(sync_\w+_load_[\w-]+)"/.exec(reply.body.toString('latin1'))?.[1];
    if (id) this.#loads.add(id);
    return reply;
  }

  async #isLoaded({ job, locator }: RequestedPage): Promise<boolean> {
    const { rows } = await this.#database.query<{ load: string }>(
      `SELECT concat_ws('_', 'sync', replace(run_id::text, '-', ''), 'load', slice, pages.field_group, pages.generation, number, '') AS load
       FROM pages JOIN slices USING (run_id, generation) WHERE slices.ordinal = slice AND bulk_job_id = $1 AND locator IS NOT DISTINCT FROM $2`,
      [job, locator],
    );
    const ids = [...this.#loads].filter((id) => rows.some(({ load }) => id.startsWith(load)));
    const jobs = await Promise.all(ids.map((id) => this.#client.job(id, { location: 'EU' }).getMetadata()));
    return jobs.some(([{ status }]) => status.state === 'DONE' && !status.errorResult);
  }
}

interface RequestedPage {
  job: string;
  locator: string | null;
}

function pageOf({ method, url }: HttpCall): RequestedPage | undefined {
  const { pathname, searchParams } = new URL(url, 'http://any');
  const job = /\/jobs\/query\/(\w+)\/results$/.exec(pathname)?.[1];
  return method === 'GET' && job ? { job, locator: searchParams.get('locator') } : undefined;
}
