import { cancelRun } from '../actions/cancel-run.ts';
import { type Endpoint, requireRunId } from './endpoint.ts';
import { toRunOfJobJson } from './run-json.ts';

/** Cancels an open run; the job stays active. */
export const runCancellation: Endpoint = {
  name: 'v1/runs/{run_id}/cancel',
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: [],
  optional: [],
  handle: async (context, fields, caller) => toRunOfJobJson(await cancelRun(context, requireRunId(fields.run_id!), caller.name)),
};
