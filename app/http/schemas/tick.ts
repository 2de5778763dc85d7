import * as z from 'zod';
import { PENDING_STATES } from '../../core/jobs/job-state.ts';
import { jobStateJson, loginErrorJson } from './job.ts';
import { count, errorJson, instant } from './json.ts';

const pendingJobJson = z.strictObject({
  user_id: z.string(),
  object_name: z.string(),
  state: z.enum(PENDING_STATES),
  last_date: z.string(),
  run_at: z.nullable(instant),
  deferred_until: z.nullable(instant).meta({ description: 'When its next attempt is due; null: it is not deferred.' }),
  error: z.nullable(z.union([errorJson, loginErrorJson])),
});

/** What became of a tick, for callers that prefer JSON. */
export const tickJson = z.strictObject({
  ok: z.boolean().meta({ description: 'With wait, whether every job is complete or paused; without, whether the tick is accepted.' }),
  message: z.string(),
  error: z.optional(errorJson).meta({ description: 'Why nothing was started, if the job store was restored.' }),
  next_window_closes: z
    .nullable(instant)
    .meta({ description: 'When the next window of any job closes; null: no job is active, or without wait.' }),
  counts: z.partialRecord(jobStateJson, count).meta({ description: 'Jobs by state; none without wait.' }),
  jobs: z.array(pendingJobJson).meta({ description: 'Up to 100 jobs that are not complete; none without wait.' }),
});

export const TICK_EXAMPLE: z.input<typeof tickJson> = {
  ok: true,
  message: 'OK: Account is complete through 2024-03-11 00:00 UTC; next window closes 2024-03-12 00:00 UTC',
  next_window_closes: '2024-03-12T00:00:00.000Z',
  counts: { complete: 1 },
  jobs: [],
};
