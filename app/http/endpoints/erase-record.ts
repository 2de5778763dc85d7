import * as z from 'zod';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { eraseRecord } from '../../actions/runs/erase-record.ts';
import { BIGQUERY_ERRORS, SALESFORCE_ERRORS } from '../common-errors.ts';
import { defineEndpoint } from '../endpoint.ts';
import { toRunOfJobJson } from '../run-json.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { flag, jobId, text } from '../schemas/fields.ts';
import { instant } from '../schemas/json.ts';
import { runOfJobExample, runOfJobJson } from '../schemas/run.ts';

/** Erases one record of a job. Responds with the run that does it, and until when BigQuery can restore it. */
export const jobErase = defineEndpoint({
  name: 'v1/jobs/{job_id}/erase',
  methods: ['POST'],
  group: 'repairs',
  summary: 'Erases one record from all tables of a job.',
  roles: ['operate', 'admin'],
  request: z.object({
    job_id: jobId,
    record_id: text('The Id of the record, 15 or 18 characters.', '0015g00000ABCdeAAH'),
    suppress: flag('suppress', 'Whether to erase it although Salesforce still has it, and to leave it out from now on.'),
  }),
  response: runOfJobJson.extend({
    recoverable_until: instant.meta({ description: 'Until when BigQuery can restore what is erased.' }),
  }),
  errors: ['not_found', 'conflict', ...SALESFORCE_ERRORS, ...BIGQUERY_ERRORS],
  example: {
    request: { job_id: EXAMPLE.jobId, record_id: '0015g00000ABCdeAAH', suppress: 'true' },
    response: {
      ...runOfJobExample({ kind: 'reimport', erase: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08' }),
      recoverable_until: '2024-03-25T00:05:00.000Z',
    },
  },
  async handle(context, { job_id, record_id, suppress }, caller) {
    const job = await requireJobById(context, job_id);
    const request = { recordId: record_id, suppress: suppress ?? false };
    const { recoverableUntil, ...queued } = await eraseRecord(context, job, request, caller.name);
    return { ...toRunOfJobJson(queued), recoverable_until: recoverableUntil };
  },
});
