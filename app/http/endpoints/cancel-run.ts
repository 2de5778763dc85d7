import * as z from 'zod';
import { cancelRun } from '../../actions/runs/cancel-run.ts';
import { defineEndpoint } from '../endpoint.ts';
import { toRunOfJobJson } from '../run-json.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { runId } from '../schemas/fields.ts';
import { runOfJobExample, runOfJobJson } from '../schemas/run.ts';

/** Cancels an open run; the job stays active. */
export const runCancellation = defineEndpoint({
  name: 'v1/runs/{run_id}/cancel',
  methods: ['POST'],
  group: 'runs',
  summary: 'Cancels a queued or running run; its job stays active.',
  roles: ['operate', 'admin'],
  request: z.object({ run_id: runId }),
  response: runOfJobJson,
  errors: ['not_found', 'conflict'],
  example: { request: { run_id: EXAMPLE.runId }, response: runOfJobExample({ state: 'cancelled' }) },
  handle: async (context, { run_id }, caller) => toRunOfJobJson(await cancelRun(context, run_id, caller.name)),
});
