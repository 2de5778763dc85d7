import * as z from 'zod';
import { requireRun } from '../actions/require-run.ts';
import { defineEndpoint } from './endpoint.ts';
import { toRunOfJobJson } from './run-json.ts';
import { EXAMPLE } from './schemas/examples.ts';
import { runId } from './schemas/fields.ts';
import { runOfJobExample, runOfJobJson } from './schemas/run.ts';

/** A run, of any state. */
export const getRun = defineEndpoint({
  name: 'v1/runs/{run_id}',
  methods: ['GET'],
  group: 'runs',
  summary: 'Returns a run, with its receipt.',
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object({ run_id: runId }),
  response: runOfJobJson,
  errors: ['not_found'],
  example: { request: { run_id: EXAMPLE.runId }, response: runOfJobExample() },
  handle: async (context, { run_id }) => toRunOfJobJson(await requireRun(context, run_id)),
});
