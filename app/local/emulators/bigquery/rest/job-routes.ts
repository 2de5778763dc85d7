import type { Job, QueryConfiguration } from '../jobs/job.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { Service } from '../service.ts';
import { ApiError } from './api-error.ts';
import { type Handler, jsonBody, type Router } from './http.ts';
import { page, requireProject } from './resource.ts';
import { queryResults, timestampForm } from './results.ts';

/** jobs.insert, get, list, cancel, query and getQueryResults. */
export function addJobRoutes(router: Router, service: Service, runner: JobRunner): void {
  const project = '/bigquery/v2/projects/:projectId';
  router.on('POST', `${project}/jobs`, async ({ request, parameters }) => {
    requireProject(service, parameters);
    return (await runner.insert(await jsonBody(request))).resource;
  });
  router.on('GET', `${project}/jobs`, listJobs(service));
  router.on('GET', `${project}/jobs/:jobId`, ({ parameters, query }) => visibleJob(service, parameters, query).resource);
  router.on('POST', `${project}/jobs/:jobId/cancel`, ({ parameters, query }) => {
    const job = jobOf(service, parameters, query);
    runner.cancel(job);
    return { kind: 'bigquery#jobCancelResponse', job: job.resource };
  });
  router.on('POST', `${project}/queries`, runQueryNow(service, runner));
  router.on('GET', `${project}/queries/:jobId`, readResults(service));
}

function jobOf(service: Service, parameters: Record<string, string>, query: URLSearchParams): Job {
  requireProject(service, parameters);
  return service.jobs.find(parameters.jobId!, query.get('location') ?? undefined);
}

/** With this fault, a new job cannot be found for a while. */
function visibleJob(service: Service, parameters: Record<string, string>, query: URLSearchParams): Job {
  const job = jobOf(service, parameters, query);
  const { jobId } = job.resource.jobReference;
  if (service.faults.take('slow-visible', jobId)) throw new ApiError('notFound', `Not found: Job ${job.resource.id}`);
  return job;
}

function listJobs(service: Service): Handler {
  return ({ parameters, query }) => {
    requireProject(service, parameters);
    const states = query.getAll('stateFilter').map((state) => state.toUpperCase());
    const all = service.jobs.list().filter((job) => states.length === 0 || states.includes(job.resource.status.state));
    const { items, nextPageToken } = page(all, query);
    const jobs = items.map(({ resource }) => ({
      ...resource,
      state: resource.status.state,
      ...(resource.status.errorResult ? { errorResult: resource.status.errorResult } : {}),
    }));
    return { kind: 'bigquery#jobList', etag: '', jobs, ...nextPageToken };
  };
}

interface QueryRequest extends QueryConfiguration {
  location?: string;
  requestId?: string;
  dryRun?: boolean;
  labels?: Record<string, string>;
  maxResults?: number;
  timeoutMs?: number;
  formatOptions?: { timestampOutputFormat?: string; useInt64Timestamp?: boolean };
}

function runQueryNow(service: Service, runner: JobRunner): Handler {
  const byRequestId = new Map<string, Promise<Job>>();
  return async ({ request, parameters }) => {
    requireProject(service, parameters);
    const requested = (await jsonBody(request)) as QueryRequest;
    // A repeated request joins the job that the first one started.
    const earlier = requested.requestId === undefined ? undefined : byRequestId.get(requested.requestId);
    const started = earlier ?? runner.insert(jobFor(requested));
    if (requested.requestId !== undefined) byRequestId.set(requested.requestId, started);
    const job = await started;
    if (requested.dryRun) return dryRunAnswer(job);
    const { formatOptions, maxResults, timeoutMs } = requested;
    const form = timestampForm(formatOptions?.timestampOutputFormat, formatOptions?.useInt64Timestamp === true);
    return { kind: 'bigquery#queryResponse', ...(await queryResults(service, job, { maxResults, timeoutMs, form })) };
  };
}

/** jobs.query has the fields of the configuration directly in the request. */
function jobFor(requested: QueryRequest): Record<string, unknown> {
  const { location, requestId: _, dryRun, labels, maxResults: __, timeoutMs: ___, formatOptions: ____, ...query } = requested;
  return {
    jobReference: location === undefined ? {} : { location },
    configuration: {
      query: { ...query, useLegacySql: query.useLegacySql ?? true },
      ...(dryRun ? { dryRun } : {}),
      ...(labels ? { labels } : {}),
    },
  };
}

function dryRunAnswer({ resource }: Job): object {
  const { schema } = resource.statistics.query ?? {};
  return {
    kind: 'bigquery#queryResponse',
    jobReference: resource.jobReference,
    jobComplete: true,
    totalBytesProcessed: resource.statistics.totalBytesProcessed,
    cacheHit: false,
    schema,
  };
}

function readResults(service: Service): Handler {
  return async ({ parameters, query }) => {
    const job = jobOf(service, parameters, query);
    const number = (name: string) => (query.get(name) === null ? undefined : Number(query.get(name)));
    const useInt64 = query.get('formatOptions.useInt64Timestamp') === 'true';
    const request = {
      maxResults: number('maxResults'),
      startIndex: number('startIndex'),
      timeoutMs: number('timeoutMs'),
      pageToken: query.get('pageToken') ?? undefined,
      form: timestampForm(query.get('formatOptions.timestampOutputFormat'), useInt64),
    };
    return { kind: 'bigquery#getQueryResultsResponse', ...(await queryResults(service, job, request)) };
  };
}
