import type { Context } from '../context.ts';
import { AppError } from '../errors.ts';
import type { JobFilter } from '../store/jobs.ts';
import { tick } from '../sync/schedule.ts';
import { waitForRuns } from '../sync/wait-for-runs.ts';
import { type Endpoint, requireConnection, requireJob } from './endpoint.ts';
import type { Fields } from './fields.ts';

/** A load balancer gives up after a minute. */
const LONGEST_WAIT_SECONDS = 50;

/** The tick: starts what is due, of all jobs or of those named, and answers at once; with `wait`, when it has ended. */
export const handleImportingJob: Endpoint = {
  name: 'handle_importing_job',
  methods: ['GET', 'POST'],
  roles: ['tick', 'operate', 'admin'],
  required: [],
  optional: ['user_id', 'object_name', 'wait'],
  async answer(context, fields, caller) {
    const waitSeconds = readWait(fields.wait);
    if (caller.role === 'tick' && waitSeconds > 0) throw new AppError('forbidden', 'A key of role tick may not wait: leave wait out.');
    const started = await tick(context, await readFilter(context, fields));
    if (waitSeconds === 0) return 'OK';
    const unfinished = await waitForRuns(context, started, waitSeconds);
    if (unfinished.length === 0) return 'OK';
    return `OK, unfinished after ${waitSeconds} seconds: ${unfinished.map((run) => `${run.objectName} (${run.state})`).join(', ')}`;
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
  if (!/^\d{1,6}$/.test(text)) throw new AppError('invalid_request', `wait must be a number of seconds, up to ${LONGEST_WAIT_SECONDS}.`);
  return Math.min(Number(text), LONGEST_WAIT_SECONDS);
}
