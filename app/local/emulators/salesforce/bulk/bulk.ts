import type { Router } from '@koa/router';
import type { Parts } from '../parts.ts';
import { queryParameter, readBody, replyJson } from '../rest/reply.ts';
import { SalesforceError } from '../rest/salesforce-error.ts';
import { bulkJobReply, type JobForm } from './bulk-job-reply.ts';
import type { BulkJob } from './bulk-jobs.ts';
import { readBulkJob } from './bulk-query.ts';
import { replyResultPages, replyResults } from './bulk-results.ts';

const JOBS_ON_A_PAGE = 1000;

/** Bulk API 2.0 query. */
export function bulkRoutes(router: Router, parts: Parts): void {
  const { org, jobs } = parts;
  const path = '/services/data/:version/jobs/query';
  const shown = (job: BulkJob, form: JobForm): string => bulkJobReply(job, org.users[0] ?? '', form);

  router.post(path, async (context) => {
    const requested = readBulkJob(org, await readBody(context.req), context.state.version);
    replyJson(context, shown(jobs.create(requested), 'created'));
  });

  router.get(path, (context) => {
    const start = Number(/-(\d+)$/.exec(queryParameter(context, 'queryLocator') ?? '')?.[1] ?? 0);
    const jobType = queryParameter(context, 'jobType') ?? 'V2Query';
    const all = jobType === 'V2Query' ? jobs.list() : [];
    const page = all.slice(start, start + JOBS_ON_A_PAGE);
    const next = start + page.length;
    const done = next >= all.length;
    const nextRecordsUrl = done ? null : `/services/data/v${context.state.version}/jobs/query?queryLocator=01g5e000000000-${next}`;
    const records = page.map((job) => shown(job, 'listed')).join(',');
    replyJson(context, `{"done":${done},"records":[${records}],"nextRecordsUrl":${JSON.stringify(nextRecordsUrl)}}`);
  });

  router.get(`${path}/:id`, (context) => replyJson(context, shown(jobs.get(context.params.id ?? ''), 'full')));

  router.patch(`${path}/:id`, async (context) => {
    const job = jobs.get(context.params.id ?? '');
    const wanted = stateIn(await readBody(context.req));
    if (wanted !== 'Aborted') throw new SalesforceError(400, 'INVALIDJOBSTATE', `Unsupported state: ${wanted}`, true);
    jobs.abort(job);
    replyJson(context, shown(job, 'aborted'));
  });

  router.delete(`${path}/:id`, (context) => {
    jobs.delete(jobs.get(context.params.id ?? ''));
    context.status = 204;
  });

  router.get(`${path}/:id/results`, (context) => replyResults(context, parts, jobs.get(context.params.id ?? '')));
  // The continuation URL in the response is lower case; the router ignores case.
  router.get(`${path}/:id/resultPages`, (context) => replyResultPages(context, jobs.get(context.params.id ?? '')));
}

function stateIn(body: string): unknown {
  try {
    return (JSON.parse(body) as { state?: unknown }).state;
  } catch {
    throw new SalesforceError(400, 'JSON_PARSER_ERROR', 'Unexpected character in the body', true);
  }
}
