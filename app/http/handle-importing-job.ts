import { tick } from '../actions/tick.ts';
import { waitForRuns } from '../actions/wait-for-runs.ts';
import type { Context } from '../context.ts';
import { AppError } from '../errors.ts';
import { listJobs } from '../store/job-list.ts';
import type { JobFilter } from '../store/jobs.ts';
import { type Endpoint, requireConnection, requireJob } from './endpoint.ts';
import type { Fields } from './fields.ts';
import { reportTick } from './tick-report.ts';

/** A load balancer gives up after a minute. */
const MAX_WAIT_SECONDS = 50;

/**
 * The tick: starts what is due, of all jobs or of those named, and answers at once. With `wait`, it answers when nothing is left to wait
 * for, and says how the jobs stand: always by 200, since a scheduler would repeat a request that failed, and not what failed in a run.
 */
export const handleImportingJob: Endpoint = {
  name: 'handle_importing_job',
  methods: ['GET', 'POST'],
  roles: ['tick', 'operate', 'admin'],
  required: [],
  optional: ['user_id', 'object_name', 'wait'],
  async answer(context, fields, caller, wantsJson) {
    const waitSeconds = readWait(fields.wait);
    if (caller.role === 'tick' && waitSeconds > 0) throw new AppError('forbidden', 'A key of role tick may not wait: leave wait out.');
    const filter = await readFilter(context, fields);
    const { runIds, nextWindowEnd } = await tick(context, filter);
    if (waitSeconds === 0) return 'OK';
    const waited = await waitForRuns(context, filter, waitSeconds);
    const report = reportTick(await listJobs(context.database, filter), waited || runIds.length > 0, nextWindowEnd, new Date());
    return wantsJson ? report.json : report.message;
  },
};

async function readFilter(context: Context, fields: Fields): Promise<JobFilter> {
  if (fields.object_name !== undefined && fields.user_id === undefined) {
    throw new AppError('invalid_request', 'object_name is given without user_id: give both, or only user_id, or none.');
  }
  if (fields.object_name !== undefined) return { jobId: (await requireJob(context, fields)).id };
  if (fields.user_id !== undefined) return { connectionId: (await requireConnection(context, fields.user_id)).id };
  return {};
}

function readWait(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,6}$/.test(text)) throw new AppError('invalid_request', `wait must be a number of seconds, up to ${MAX_WAIT_SECONDS}.`);
  return Math.min(Number(text), MAX_WAIT_SECONDS);
}
