import * as z from 'zod';
import { retryRun } from '../../actions/runs/retry-run.ts';
import { defineEndpoint } from '../endpoint.ts';
import { toRunOfJobJson } from '../run-json.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { runId } from '../schemas/fields.ts';
import { runOfJobExample, runOfJobJson } from '../schemas/run.ts';

/** Makes a waiting run due now, or queues the next run of the job after one that failed or was cancelled. */
export const runRetry = defineEndpoint({
  name: 'v1/runs/{run_id}/retry',
  methods: ['POST'],
  group: 'runs',
  summary: 'Makes a waiting run due now, or queues the next run of its job after one that failed or was cancelled.',
  roles: ['operate', 'admin'],
  request: z.object({ run_id: runId }),
  response: runOfJobJson,
  errors: ['not_found', 'conflict', 'needs_login'],
  example: { request: { run_id: EXAMPLE.runId }, response: runOfJobExample() },
  handle: async (context, { run_id }, caller) => toRunOfJobJson(await retryRun(context, run_id, caller.name)),
});
