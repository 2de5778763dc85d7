import * as z from 'zod';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { listRunPage } from '../../store/jobs/job-list.ts';
import { defineEndpoint } from '../endpoint.ts';
import { nextAfter, pageFields } from '../paging.ts';
import { toRunJson } from '../run-json.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { jobId } from '../schemas/fields.ts';
import { pageJson } from '../schemas/json.ts';
import { RUN_EXAMPLE, runJson } from '../schemas/run.ts';

/** Lists the runs of a job page by page, the latest first. */
export const jobRuns = defineEndpoint({
  name: 'v1/jobs/{job_id}/runs',
  methods: ['GET'],
  group: 'runs',
  summary: 'Lists the runs of a job page by page, the latest first.',
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object({ job_id: jobId, ...pageFields }),
  response: pageJson('runs', runJson),
  errors: ['not_found'],
  example: { request: { job_id: EXAMPLE.jobId, limit: '20' }, response: { runs: [RUN_EXAMPLE], next: null } },
  async handle(context, { job_id, ...page }) {
    const job = await requireJobById(context, job_id);
    const { runs, last } = await listRunPage(context.database, job.id, page);
    return { runs: runs.map(toRunJson), next: nextAfter(page, runs.length, last) };
  },
});
