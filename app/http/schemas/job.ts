import * as z from 'zod';
import { EXAMPLE } from './examples.ts';
import { jobOptionsJson } from './job-options.ts';
import { count, errorJson, instant } from './json.ts';
import { RUN_EXAMPLE, runJson } from './run.ts';

/** The states of a job, as core/jobs/job-state.ts explains them. */
export const jobStateJson = z.enum(['complete', 'unfinished', 'deferred', 'needs_login', 'failed', 'paused']);

/** How a job's windows work. */
export const jobModeJson = z
  .enum(['windows', 'append_only', 'whole'])
  .meta({ description: 'How its windows keep the table current: by new and changed rows, only new rows, or all rows.' });

/** Why a job waits for a login. */
export const loginErrorJson = errorJson.extend({ since: instant });

/** What a new job costs. */
export const estimateJson = z
  .nullable(z.strictObject({ calls_per_day: count, bytes_billed_per_day: count }))
  .meta({ description: 'What its windows are estimated to cost; null: unknown, or the job existed.' });

const SHAPE = {
  id: z.uuid(),
  user_id: z.string(),
  object_name: z.string(),
  ...jobOptionsJson,
  last_date: z
    .string()
    .meta({ description: 'Up to where rows are imported: a date, an instant if its windows are shorter than a day, or all.' }),
  reread_from: z.nullable(instant).meta({ description: 'The next window rereads rows stamped from here on; null: none.' }),
  active: z.literal([0, 1]).meta({ description: '0: it is paused.' }),
  state: jobStateJson,
  needs_login: z.boolean(),
  login_error: z.nullable(loginErrorJson),
  mode: jobModeJson,
  warnings: z.array(z.string()),
  table: z.string().meta({ description: 'The target table, <dataset>.<table>.' }),
  run: z.nullable(runJson).meta({ description: 'Its latest window.' }),
  repair: z.nullable(runJson).meta({ description: 'Its latest run of another kind.' }),
};

/** A job. */
export const jobJson = z.strictObject(SHAPE).meta({ id: 'Job', description: 'Replicates one object into one table.' });

/** A job that has been changed, and what its caller should know. */
export const changedJobJson = z.strictObject({ ...SHAPE, message: z.string() });

export const JOB_EXAMPLE: z.input<typeof jobJson> = {
  id: EXAMPLE.jobId,
  user_id: EXAMPLE.userId,
  object_name: 'Account',
  start_date: '2024-03-10',
  dataset: 'salesforce',
  every: 'day',
  deletes: 'keep',
  append_only: false,
  history: false,
  exclude_fields: [],
  hash_fields: [],
  new_fields: 'add',
  last_date: '2024-03-10',
  reread_from: null,
  active: 1,
  state: 'unfinished',
  needs_login: false,
  login_error: null,
  mode: 'windows',
  warnings: [],
  table: 'salesforce.Account',
  run: RUN_EXAMPLE,
  repair: null,
};
