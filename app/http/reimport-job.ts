import { reimport } from '../actions/reimport.ts';
import { requireJobById } from '../actions/require-job.ts';
import { type Endpoint, requireJobId } from './endpoint.ts';
import { readBoolean } from './fields.ts';
import { toRunOfJobJson } from './run-json.ts';

/** Imports rows of a job again: those with the given Ids, or those of a range; by default, all rows up to its `last_date`. */
export const jobReimport: Endpoint = {
  name: 'v1/jobs/{job_id}/reimport',
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: [],
  optional: ['from', 'to', 'ids', 'id_from', 'id_to', 'compare'],
  // 10,000 Ids of 18 characters, and their commas, which may be percent-encoded.
  maxBytes: 256 * 1024,
  async handle(context, fields, caller) {
    const { job_id, from, to, ids, id_from, id_to } = fields;
    const job = await requireJobById(context, requireJobId(job_id!));
    return toRunOfJobJson(
      await reimport(context, job, { from, to, ids, idFrom: id_from, idTo: id_to, compare: readBoolean(fields, 'compare') }, caller.name),
    );
  },
};
