import * as z from 'zod';
import { requireConnection } from '../../actions/connections/require-connection.ts';
import type { Context } from '../../context.ts';
import { jobMode } from '../../core/jobs/job-mode.ts';
import { type JobOptions, optionsJson } from '../../core/jobs/job-options.ts';
import { JOB_STATES, jobState } from '../../core/jobs/job-state.ts';
import { formatLastDate } from '../../core/jobs/start-date.ts';
import { rareTicksMessage, usualTickIntervalMs } from '../../core/jobs/tick-interval.ts';
import { AppError } from '../../errors.ts';
import { type ListedJob, listJob, listJobPage } from '../../store/jobs/job-list.ts';
import { recentTicks } from '../../store/jobs/ticks.ts';
import { defineEndpoint, type Endpoint } from '../endpoint.ts';
import { nextAfter, pageFields } from '../paging.ts';
import { toRunJson } from '../run-json.ts';
import { choice, optionalText } from '../schemas/fields.ts';
import { JOB_EXAMPLE, jobJson } from '../schemas/job.ts';
import { errorJson, pageJson } from '../schemas/json.ts';
import { listFilters } from '../schemas/list-filters.ts';

/**
 * Lists the jobs that match a filter page by page, in order of creation: with the contract's columns, their latest window and their latest
 * repair. Says why nothing runs, if so.
 */
export const jobs = listJobsAt('jobs', 'Lists jobs page by page, in order of creation, each with its latest window and its latest repair.');

/** The same list, beside the other paths about jobs. */
export const jobList = listJobsAt('v1/jobs', 'Lists jobs page by page: the same as /jobs.');

function listJobsAt(name: string, summary: string): Endpoint {
  return defineEndpoint({
    name,
    methods: ['GET'],
    group: 'jobs',
    summary,
    roles: ['read', 'data', 'operate', 'admin'],
    request: z.object({
      ...listFilters,
      dataset: optionalText('Only jobs whose target table is in this dataset.', 'salesforce'),
      state: z.optional(choice('state', JOB_STATES, 'Only jobs in this state.')),
      ...pageFields,
    }),
    response: pageJson('jobs', jobJson).extend({
      halted: z.nullable(errorJson).meta({ description: 'Why nothing runs; null: runs are started.' }),
    }),
    errors: ['not_found'],
    example: { request: {}, response: { halted: null, jobs: [JOB_EXAMPLE], next: null } },
    async handle(context, { connection, object_name, dataset, state, ...page }) {
      const now = new Date();
      const connectionId = connection === undefined ? undefined : (await requireConnection(context, connection, 'connection')).id;
      const filter = { connectionId, objectName: object_name, dataset, state };
      const { jobs: listed, last: end } = await listJobPage(context.database, page, filter);
      const tickMs = usualTickIntervalMs(await recentTicks(context.database));
      const { last } = context.agreement;
      return {
        halted: last.kind === 'halted' ? { code: last.error.code, message: last.error.message } : null,
        jobs: listed.map((job) => toJobJson(job, now, tickMs)),
        next: nextAfter(page, listed.length, end),
      };
    },
  });
}

/** One job, as in the list. @throws AppError not_found */
export async function readJobJson({ database }: Context, jobId: string): Promise<object> {
  const job = await listJob(database, jobId);
  if (!job) throw new AppError('not_found', 'No job has this id. Take the id from /jobs.');
  return toJobJson(job, new Date(), usualTickIntervalMs(await recentTicks(database)));
}

function toJobJson(job: ListedJob, now: Date, tickMs: number | undefined): object {
  const warning = job.active ? rareTicksMessage(job.objectName, job.every, tickMs) : undefined;
  return {
    id: job.id,
    user_id: job.userId,
    object_name: job.objectName,
    ...optionsJson(job satisfies JobOptions),
    last_date: formatLastDate(job.syncedTo, job.every),
    reread_from: job.rereadFrom,
    active: job.active ? 1 : 0,
    state: jobState(job, now),
    needs_login: job.needsLogin,
    login_error: job.loginError,
    mode: jobMode(job),
    warnings: warning ? [warning] : [],
    table: `${job.targetDataset}.${job.targetTable}`,
    run: job.run && toRunJson(job.run),
    repair: job.repair && toRunJson(job.repair),
  };
}
