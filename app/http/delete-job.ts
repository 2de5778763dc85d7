import { deleteJob } from '../actions/delete-job.ts';
import { requireJobById } from '../actions/require-job.ts';
import { AppError } from '../errors.ts';
import { type Endpoint, requireJobId } from './endpoint.ts';

/** Deletes a job; its target table is kept or dropped. */
export const jobDeletion: Endpoint = {
  name: 'v1/jobs/{job_id}',
  methods: ['DELETE'],
  roles: ['operate', 'admin'],
  required: ['table'],
  optional: [],
  async handle(context, { job_id, table }, caller) {
    if (table !== 'keep' && table !== 'drop') throw new AppError('invalid_request', 'table must be keep or drop.');
    const job = await requireJobById(context, requireJobId(job_id!));
    const deleted = await deleteJob(context, job, table, caller.name);
    return { id: job.id, object_name: job.objectName, table: `${job.targetDataset}.${job.targetTable}`, ...deleted };
  },
};
