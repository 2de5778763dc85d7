import { reimport } from '../actions/reimport.ts';
import { requireJobById } from '../actions/require-job.ts';
import { parseBound } from '../core/start-date.ts';
import { type Endpoint, requireJobId } from './endpoint.ts';
import { toRunOfJobJson } from './run-json.ts';

/** Imports the rows of a job that are stamped in a range again; by default, all rows up to its `last_date`. */
export const jobReimport: Endpoint = {
  name: 'v1/jobs/{job_id}/reimport',
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: [],
  optional: ['from', 'to'],
  async handle(context, { job_id, from, to }, caller) {
    const job = await requireJobById(context, requireJobId(job_id!));
    const request = {
      from: from === undefined ? undefined : parseBound('from', from),
      to: to === undefined ? undefined : parseBound('to', to),
    };
    return toRunOfJobJson(await reimport(context, job, request, caller.name));
  },
};
