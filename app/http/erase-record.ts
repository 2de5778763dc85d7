import { eraseRecord } from '../actions/erase-record.ts';
import { requireJobById } from '../actions/require-job.ts';
import { type Endpoint, requireJobId } from './endpoint.ts';
import { readBoolean } from './fields.ts';
import { toRunOfJobJson } from './run-json.ts';

/** Erases one record of a job. Responds with the run that does it, and until when BigQuery can restore it. */
export const jobErase: Endpoint = {
  name: 'v1/jobs/{job_id}/erase',
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: ['record_id'],
  optional: ['suppress'],
  async handle(context, fields, caller) {
    const { job_id, record_id } = fields;
    const job = await requireJobById(context, requireJobId(job_id!));
    const request = { recordId: record_id!, suppress: readBoolean(fields, 'suppress') ?? false };
    const { recoverableUntil, ...queued } = await eraseRecord(context, job, request, caller.name);
    return { ...toRunOfJobJson(queued), recoverable_until: recoverableUntil };
  },
};
