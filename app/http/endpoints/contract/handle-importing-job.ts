import * as z from 'zod';
import { requireConnection } from '../../../actions/connections/require-connection.ts';
import { retryWaitingRun } from '../../../actions/runs/retry-run.ts';
import { waitForRuns } from '../../../actions/runs/wait-for-runs.ts';
import { tick } from '../../../actions/tick.ts';
import type { Context } from '../../../context.ts';
import { AppError } from '../../../errors.ts';
import { readJobStates } from '../../../store/jobs/job-states.ts';
import type { Job, JobFilter } from '../../../store/jobs/jobs.ts';
import { defineEndpoint } from '../../endpoint.ts';
import { requireJob } from '../../require-job.ts';
import { field, objectName, userId } from '../../schemas/fields.ts';
import { TICK_EXAMPLE, tickJson } from '../../schemas/tick.ts';
import { REPORTED, toTickReport } from '../../tick-report.ts';

/** Below a load balancer's timeout of one minute. */
const MAX_WAIT_SECONDS = 50;

const wait = z.optional(
  field(parseWait, {
    description: `How many seconds to wait for the outcome; 0 by default. More than ${MAX_WAIT_SECONDS} count as ${MAX_WAIT_SECONDS}.`,
    type: 'integer',
    minimum: 0,
  }),
);

/**
 * The tick: starts due runs, of all jobs or of the named ones, and responds immediately. A job that is named by itself does not wait for
 * its retry, except if the schedule's key names it. With `wait`, it responds once nothing is left to wait for and reports the state of the
 * jobs. Always responds with 200: a scheduler would only retry the request, not a failed run. While the job store disagrees with BigQuery, it
 * starts nothing and responds with the reason.
 */
export const handleImportingJob = defineEndpoint({
  name: 'handle_importing_job',
  methods: ['GET', 'POST'],
  group: 'contract',
  summary: 'The tick: starts the runs that are due, and responds at once, or with wait once they have ended.',
  roles: ['tick', 'operate', 'admin'],
  request: z.object({ user_id: z.optional(userId), object_name: z.optional(objectName), wait }),
  response: z.union([z.string(), tickJson]),
  errors: ['not_found', 'store_restored'],
  example: { request: {}, response: 'OK', json: TICK_EXAMPLE },
  async handle(context, fields, caller, wantsJson, closed) {
    const waitSeconds = fields.wait ?? 0;
    if (caller.role === 'tick' && waitSeconds > 0) throw new AppError('forbidden', 'API keys with role tick may not use wait. Omit it.');
    const job = await readJob(context, fields);
    const { last } = context.agreement;
    if (last.kind === 'halted') return wantsJson ? toHaltedJson(last.error) : `Halted: ${last.error.message}`;
    const filter = job ? { jobId: job.id } : await readFilter(context, fields);
    const { runIds, at } = await tick(context, caller.name, filter);
    if (job && caller.role !== 'tick') await retryWaitingRun(context, job, caller.name);
    if (waitSeconds === 0) return wantsJson ? ACCEPTED_JSON : 'OK';
    const waited = await waitForRuns(context, filter, waitSeconds, closed);
    const states = await readJobStates(context.database, filter, new Date(), REPORTED);
    const report = toTickReport(states, waited || runIds.length > 0, at);
    return wantsJson ? report.json : report.message;
  },
});

/** Of a report that does not look at jobs. */
const NO_JOBS = { next_window_closes: null, counts: {}, jobs: [] };

/** Without `wait`, the tick is only accepted: a key that may do no more learns nothing about jobs. */
const ACCEPTED_JSON = { ok: true, message: 'OK', ...NO_JOBS };

function toHaltedJson({ code, message }: AppError): object {
  return { ok: false, message: `Halted: ${message}`, error: { code, message }, ...NO_JOBS };
}

interface Named {
  user_id?: string | undefined;
  object_name?: string | undefined;
}

/** The one job that the caller names, if any. */
async function readJob(context: Context, { user_id, object_name }: Named): Promise<Job | undefined> {
  if (object_name === undefined) return undefined;
  if (user_id !== undefined) return await requireJob(context, { user_id, object_name });
  throw new AppError('invalid_request', 'object_name requires user_id. Send both, only user_id, or neither.');
}

async function readFilter(context: Context, fields: Named): Promise<JobFilter> {
  if (fields.user_id !== undefined) return { connectionId: (await requireConnection(context, fields.user_id)).id };
  return {};
}

function parseWait(text: string): number {
  if (!/^\d+$/.test(text)) throw new AppError('invalid_request', 'wait must be a whole number of seconds, for example 30.');
  return Math.min(Number(text), MAX_WAIT_SECONDS);
}
