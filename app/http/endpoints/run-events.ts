import * as z from 'zod';
import { requireRun } from '../../actions/runs/require-run.ts';
import { listRunEvents } from '../../store/runs/run-events.ts';
import { defineEndpoint } from '../endpoint.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { runId } from '../schemas/fields.ts';
import { instant } from '../schemas/json.ts';

const SLICE_CUT = 'slice_cut';

/** The newest events of a run, as logged. */
export const runEvents = defineEndpoint({
  name: 'v1/runs/{run_id}/events',
  methods: ['GET'],
  group: 'runs',
  summary: 'Lists the newest 200 events of a run, as logged, the latest first. A window without rows, warnings and errors has none.',
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object({ run_id: runId }),
  response: z.strictObject({
    events: z.array(
      z.strictObject({
        at: instant,
        level: z.enum(['info', 'warn', 'error', 'fatal']),
        event: z.string(),
        details: z.record(z.string(), z.unknown()).meta({ description: 'The other fields of the log line: codes, counts and ids.' }),
      }),
    ),
  }),
  errors: ['not_found'],
  example: {
    request: { run_id: EXAMPLE.runId },
    response: {
      events: [{ at: '2024-03-11T00:05:09.000Z', level: 'info', event: SLICE_CUT, details: { slice: 0, parts: 2 } }],
    },
  },
  async handle(context, { run_id }) {
    const { run } = await requireRun(context, run_id);
    return { events: await listRunEvents(context.database, run.id) };
  },
});
