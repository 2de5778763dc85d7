import { jobState } from '../core/job-state.ts';
import { inPipelineOrder } from '../core/receipt.ts';
import { formatDate, formatStartDate } from '../core/start-date.ts';
import { type ListedJob, type ListedRun, listJobs } from '../store/job-list.ts';
import type { Endpoint } from './endpoint.ts';

/** Lists all jobs with the contract's columns and their latest run. */
export const jobs: Endpoint = {
  name: 'jobs',
  methods: ['GET'],
  roles: ['read', 'data', 'operate', 'admin'],
  required: [],
  optional: [],
  async handle(context) {
    const now = new Date();
    return { jobs: (await listJobs(context.database)).map((job) => toJobJson(job, now)) };
  },
};

function toJobJson(job: ListedJob, now: Date): object {
  return {
    user_id: job.userId,
    object_name: job.objectName,
    start_date: formatStartDate(job.startDate),
    last_date: formatStartDate(job.syncedTo),
    reread_from: job.rereadFrom,
    active: job.active ? 1 : 0,
    state: jobState(job, now),
    needs_login: job.needsLogin,
    append_only: job.appendOnly,
    table: `${job.targetDataset}.${job.targetTable}`,
    run: job.run && toRunJson(job.run),
  };
}

function toRunJson(run: ListedRun): object {
  return {
    id: run.id,
    from: formatDate(run.windowFrom),
    to: formatDate(run.windowTo),
    state: run.state,
    run_at: run.runAt,
    failures: run.failures,
    error: run.errorCode && { code: run.errorCode, message: run.errorMessage },
    receipt: run.receipt && inPipelineOrder(run.receipt),
    finished_at: run.finishedAt,
  };
}
