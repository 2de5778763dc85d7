import { acceptRun } from '../actions/accept-run.ts';
import { type Endpoint, requireRunId } from './endpoint.ts';
import { toRunOfJobJson } from './run-json.ts';

/** Accepts the verdict with which a run failed: its job's next run may pass it. */
export const runAcceptance: Endpoint = {
  name: 'v1/runs/{run_id}/accept',
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: [],
  optional: [],
  handle: async (context, fields, caller) => toRunOfJobJson(await acceptRun(context, requireRunId(fields.run_id!), caller.name)),
};
