import { requireJobById } from '../actions/require-job.ts';
import { listRunPage } from '../store/job-list.ts';
import { type Endpoint, requireJobId } from './endpoint.ts';
import { nextAfter, PAGING_FIELDS, readPage } from './paging.ts';
import { toRunJson } from './run-json.ts';

/** Lists the runs of a job page by page, the latest first. */
export const jobRuns: Endpoint = {
  name: 'v1/jobs/{job_id}/runs',
  methods: ['GET'],
  roles: ['read', 'data', 'operate', 'admin'],
  required: [],
  optional: PAGING_FIELDS,
  async handle(context, fields) {
    const page = readPage(fields);
    const job = await requireJobById(context, requireJobId(fields.job_id!));
    const { runs, last } = await listRunPage(context.database, job.id, page);
    return { runs: runs.map(toRunJson), next: nextAfter(page, runs.length, last) };
  },
};
