import { retryRun } from '../actions/retry-run.ts';
import { type Endpoint, requireRunId } from './endpoint.ts';
import { toRunOfJobJson } from './run-json.ts';

/** Makes a waiting run due now, or queues the next run of the job after one that failed or was cancelled. */
export const runRetry: Endpoint = {
  name: 'v1/runs/{run_id}/retry',
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: [],
  optional: [],
  handle: async (context, fields, caller) => toRunOfJobJson(await retryRun(context, requireRunId(fields.run_id!), caller.name)),
};
