import * as z from 'zod';
import { requireConnection } from '../../../actions/connections/require-connection.ts';
import { createJob } from '../../../actions/jobs/create-job.ts';
import { warnOfRareTicks } from '../../../actions/jobs/warn-of-rare-ticks.ts';
import { optionTexts } from '../../../core/jobs/job-options.ts';
import { BIGQUERY_ERRORS, SALESFORCE_ERRORS } from '../../common-errors.ts';
import { defineEndpoint } from '../../endpoint.ts';
import { EXAMPLE } from '../../schemas/examples.ts';
import { objectName } from '../../schemas/fields.ts';
import { estimateJson } from '../../schemas/job.ts';
import { newJobFields } from '../../schemas/job-options.ts';

const createdJson = z.strictObject({
  ok: z.literal(true),
  message: z.literal('OK'),
  warnings: z.array(z.string()),
  estimate: estimateJson,
});

/**
 * Creates a job, or takes one over from another user of the org. The next tick starts importing. The contract's plain text has no room for
 * warnings: callers that prefer JSON get them.
 */
export const createImportingJob = defineEndpoint({
  name: 'create_importing_job',
  methods: ['GET', 'POST'],
  group: 'contract',
  summary: 'Creates a job, or takes one over from another user of the org; the next tick starts importing.',
  roles: ['operate', 'admin'],
  request: z.object({ object_name: objectName, ...newJobFields }),
  response: z.union([z.literal('OK'), createdJson]),
  errors: ['not_found', 'conflict', 'bigquery_budget', ...SALESFORCE_ERRORS, ...BIGQUERY_ERRORS],
  example: {
    request: { user_id: EXAMPLE.userId, object_name: 'Account', start_date: '2024-03-10' },
    response: 'OK',
    json: { ok: true, message: 'OK', warnings: [], estimate: { calls_per_day: 3, bytes_billed_per_day: 20_971_520 } },
  },
  async handle(context, { user_id, object_name, take_over, ...options }, caller, wantsJson) {
    const connection = await requireConnection(context, user_id);
    const request = {
      objectName: object_name,
      options: { ...optionTexts(options), startDate: options.start_date },
      takeOver: take_over ?? false,
    };
    const { job, cost } = await createJob(context, connection, request, caller.name);
    const warning = await warnOfRareTicks(context, job);
    if (!wantsJson) return 'OK';
    const estimate = cost ? { calls_per_day: Math.ceil(cost.calls), bytes_billed_per_day: Math.ceil(cost.bytesBilled) } : null;
    return { ok: true, message: 'OK', warnings: warning ? [warning] : [], estimate };
  },
});
