import { requireRun } from '../actions/require-run.ts';
import { type Endpoint, requireRunId } from './endpoint.ts';
import { toRunOfJobJson } from './run-json.ts';

/** A run, of any state. */
export const getRun: Endpoint = {
  name: 'v1/runs/{run_id}',
  methods: ['GET'],
  roles: ['read', 'data', 'operate', 'admin'],
  required: [],
  optional: [],
  handle: async (context, fields) => toRunOfJobJson(await requireRun(context, requireRunId(fields.run_id!))),
};
