import { createHash } from 'node:crypto';
import type { Router } from '@koa/router';
import type { Context } from 'koa';
import { BIRTH } from './common-fields.ts';
import { objectDescribe, objectSummary } from './describe.ts';
import type { Parts } from './parts.ts';
import { queryParameter, replyJson } from './reply.ts';
import { notFound } from './salesforce-error.ts';
import { NEWEST_VERSION, OLDEST_VERSION } from './session.ts';

const SEASONS = ['Spring', 'Summer', 'Winter'];
/** Describes never change in this org. */
const LAST_DESCRIBED = new Date(BIRTH).toUTCString();

/** `/services/data`: the versions, for anybody. */
export function versionsRoute(router: Router): void {
  router.get('/services/data', (context) => {
    const numbers = Array.from({ length: NEWEST_VERSION - OLDEST_VERSION + 1 }, (_, index) => OLDEST_VERSION + index);
    replyJson(
      context,
      numbers.map((number) => ({ label: release(number), url: `/services/data/v${number}.0`, version: `${number}.0` })),
    );
  });
}

/** v66 is Spring '26; there are three releases a year. */
function release(number: number): string {
  const releases = number - NEWEST_VERSION;
  const season = SEASONS[((releases % 3) + 3) % 3] ?? '';
  return `${season} '${26 + Math.floor(releases / 3) + (season === 'Winter' ? 1 : 0)}`;
}

/** REST resources other than queries. */
export function restRoutes(router: Router, parts: Parts): void {
  const { org, urls, usage } = parts;
  const data = '/services/data/:version';

  router.get(`${data}/sobjects`, (context) => {
    const sobjects = org.tables().map((table) => objectSummary(table.definition, context.state.version));
    replyUnlessKnown(context, { encoding: 'UTF-8', maxBatchSize: 200, sobjects });
  });

  router.get(`${data}/sobjects/:object/describe`, (context) => {
    const table = org.table(context.params.object ?? '');
    if (!table) throw notFound();
    replyUnlessKnown(context, objectDescribe(table.definition, context.state.version, urls.instance));
  });

  router.get(`${data}/sobjects/:object`, (context) => {
    const table = org.table(context.params.object ?? '');
    if (!table) throw notFound();
    replyJson(context, { objectDescribe: objectSummary(table.definition, context.state.version), recentItems: [] });
  });

  router.get(`${data}/limits`, (context) => {
    const calls = { Max: 15_000, Remaining: 15_000 - usage.calls };
    const jobs = { Max: 10_000, Remaining: 10_000 - parts.jobs.list().length };
    const storage = { Max: 976_562, Remaining: 976_562 };
    replyJson(context, { DailyApiRequests: calls, DailyBulkV2QueryFileStorageMB: storage, DailyBulkV2QueryJobs: jobs });
  });

  router.get(`${data}/limits/recordCount`, (context) => {
    const names = queryParameter(context, 'sObjects')?.split(',');
    const tables = names ? names.map((name) => org.table(name.trim())) : org.tables();
    const sObjects = tables.flatMap((table) => (table && table.count > 0 ? [{ count: table.count, name: table.definition.name }] : []));
    replyJson(context, { sObjects });
  });
}

/** Answers 304 to a client that has this description already. */
function replyUnlessKnown(context: Context, value: object): void {
  const text = JSON.stringify(value);
  const tag = `"${createHash('sha256').update(text).digest('hex').slice(0, 32)}"`;
  context.set({ ETag: tag, 'Last-Modified': LAST_DESCRIBED });
  const since = context.get('If-Modified-Since');
  const known = context.get('If-None-Match')
    ? context.get('If-None-Match').includes(tag)
    : since !== '' && Date.parse(since) >= Date.parse(LAST_DESCRIBED);
  if (known) context.status = 304;
  else replyJson(context, text);
}
