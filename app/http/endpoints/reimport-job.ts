import * as z from 'zod';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { reimport } from '../../actions/runs/reimport.ts';
import { SALESFORCE_ERRORS } from '../common-errors.ts';
import { defineEndpoint } from '../endpoint.ts';
import { toRunOfJobJson } from '../run-json.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { flag, jobId, optionalText } from '../schemas/fields.ts';
import { runOfJobExample, runOfJobJson } from '../schemas/run.ts';

/** Imports rows of a job again: those with the given Ids, or those of a range; by default, all rows up to its `last_date`. */
export const jobReimport = defineEndpoint({
  name: 'v1/jobs/{job_id}/reimport',
  methods: ['POST'],
  group: 'repairs',
  summary: 'Imports rows of a job again, by range or by Ids, or compares them; by default, all rows up to its last_date.',
  roles: ['operate', 'admin'],
  request: z.object({
    job_id: jobId,
    from: optionalText('The start of the range: a date, or an instant in UTC; absent: the start_date of the job.', '2024-03-10'),
    to: optionalText('The end of the range, exclusive; absent: the last_date of the job.', '2024-04-01'),
    ids: optionalText('Ids separated by commas, instead of a range.', '0015g00000ABCdeAAH,0015g00000ABCdfAAH'),
    id_from: optionalText('The first Id of the range.'),
    id_to: optionalText('The Id after the last one of the range.'),
    compare: flag('compare', 'Whether to only compare the rows with the table, and write nothing.'),
  }),
  response: runOfJobJson,
  errors: ['not_found', 'conflict', ...SALESFORCE_ERRORS],
  example: {
    request: { job_id: EXAMPLE.jobId, from: '2024-03-10', to: '2024-04-01' },
    response: runOfJobExample({ kind: 'reimport', to: '2024-04-01' }),
  },
  // 10,000 Ids of 18 characters, and their commas, which may be percent-encoded.
  maxBytes: 256 * 1024,
  async handle(context, { job_id, id_from, id_to, ...request }, caller) {
    const job = await requireJobById(context, job_id);
    return toRunOfJobJson(await reimport(context, job, { ...request, idFrom: id_from, idTo: id_to }, caller.name));
  },
});
