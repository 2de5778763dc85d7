import * as z from 'zod';
import { acceptRun } from '../../actions/runs/accept-run.ts';
import { defineEndpoint } from '../endpoint.ts';
import { toRunOfJobJson } from '../run-json.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { runId } from '../schemas/fields.ts';
import { runOfJobExample, runOfJobJson } from '../schemas/run.ts';

/** Accepts the verdict with which a run failed: its job's next run may pass it. */
export const runAcceptance = defineEndpoint({
  name: 'v1/runs/{run_id}/accept',
  methods: ['POST'],
  group: 'runs',
  summary: 'Accepts the verdict with which a run failed: the next run of its job may pass it.',
  roles: ['operate', 'admin'],
  request: z.object({ run_id: runId }),
  response: runOfJobJson,
  errors: ['not_found', 'conflict', 'needs_login'],
  example: { request: { run_id: EXAMPLE.runId }, response: runOfJobExample() },
  handle: async (context, { run_id }, caller) => toRunOfJobJson(await acceptRun(context, run_id, caller.name)),
});
