import * as z from 'zod';
import { deleteJob } from '../../actions/jobs/delete-job.ts';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { BIGQUERY_ERRORS } from '../common-errors.ts';
import { defineEndpoint } from '../endpoint.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { choice, jobId } from '../schemas/fields.ts';

/** Deletes a job; its target table is kept or dropped. */
export const jobDeletion = defineEndpoint({
  name: 'v1/jobs/{job_id}',
  methods: ['DELETE'],
  group: 'jobs',
  summary: 'Deletes a job with its runs, and keeps or drops its table.',
  roles: ['operate', 'admin'],
  request: z.object({ job_id: jobId, table: choice('table', ['keep', 'drop'], 'What happens to the table.') }),
  response: z.strictObject({
    id: z.uuid(),
    object_name: z.string(),
    table: z.string(),
    dropped: z.array(z.string()).meta({ description: 'The table and the view of live rows, if they were dropped.' }),
    message: z.string().meta({ description: 'What became of the table.' }),
  }),
  errors: ['not_found', 'conflict', 'store_restored', ...BIGQUERY_ERRORS],
  example: {
    request: { job_id: EXAMPLE.jobId, table: 'keep' },
    response: { id: EXAMPLE.jobId, object_name: 'Account', table: 'salesforce.Account', dropped: [], message: 'The table is kept.' },
  },
  async handle(context, { job_id, table }, caller) {
    const job = await requireJobById(context, job_id);
    const deleted = await deleteJob(context, job, table, caller.name);
    return { id: job.id, object_name: job.objectName, table: `${job.targetDataset}.${job.targetTable}`, ...deleted };
  },
});
