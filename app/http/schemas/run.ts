import * as z from 'zod';
import { RUN_STEPS } from '../../core/runs/run-progress.ts';
import { EXAMPLE } from './examples.ts';
import { count, errorJson, instant } from './json.ts';
import { receiptJson } from './receipt.ts';

/** What a reimport reads and writes beside its range; all absent for other runs. */
const SCOPE = {
  ids: count.meta({ description: 'Of a reimport: the number of Ids.' }),
  id_from: z.string(),
  id_to: z.string(),
  compare: z.boolean().meta({ description: 'It compares the rows with the table, and writes nothing.' }),
  treat_deleted: z.boolean().meta({ description: "It applies the job's deletes to the rows deleted so far." }),
  clear: z.array(z.string()).meta({ description: 'Fields whose values it erases.' }),
  refill: z.array(z.string()).meta({ description: 'Those among them that a sweep fills again.' }),
  erase: z.string().meta({ description: 'The hash of the record that it erases.' }),
};

const SHAPE = {
  id: z.uuid(),
  kind: z.enum(['window', 'reimport', 'rebuild', 'sweep']),
  ...z.object(SCOPE).partial().shape,
  from: z.string().meta({ description: 'The start of its range: a date, or an instant if it is not midnight UTC.' }),
  to: z.string().meta({ description: 'The end of its range, exclusive.' }),
  state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
  run_at: instant.meta({ description: 'It does not start before.' }),
  deferred_until: z
    .nullable(instant)
    .meta({ description: 'When its next attempt is due; null: it may start now, is running or has ended.' }),
  started_at: z.nullable(instant).meta({ description: 'When it was first claimed; null: not yet.' }),
  version: z
    .nullable(z.string())
    .meta({ description: 'The release that claimed it last; null: it is not claimed yet, or an earlier release claimed it.' }),
  worker: z.nullable(z.string()).meta({ description: 'The name of the machine or container that claimed it last; null likewise.' }),
  step: z.nullable(z.enum(RUN_STEPS)).meta({
    description: 'What it does: waits for its next attempt, plans slices, extracts them, or counts and writes; null: it has ended.',
  }),
  progress: z
    .nullable(
      z.strictObject({
        slices_done: count.meta({ description: 'Slices that are staged.' }),
        slices_total: count,
        rows: count.meta({ description: 'Rows that load jobs have written.' }),
        pages: count,
        bytes: count.meta({ description: 'As received, usually compressed.' }),
        rows_per_second: z.nullable(count).meta({ description: 'Since the first slice was requested, pauses included; null: unknown.' }),
      }),
    )
    .meta({ description: 'How far it is; null: it has not started, or has ended.' }),
  failures: count.meta({ description: 'Failed attempts so far.' }),
  error: z.nullable(errorJson).meta({ description: 'Why it failed, or waits.' }),
  receipt: z.nullable(receiptJson),
  cost: z
    .nullable(
      z.strictObject({
        salesforce_calls: z.number().min(0),
        bigquery_jobs: count,
        bytes_billed: count,
        dollars: z.number().min(0).meta({ description: "At BigQuery's list price." }),
      }),
    )
    .meta({ description: 'What it cost; null: unknown.' }),
  finished_at: z.nullable(instant),
  actions: z
    .array(z.strictObject({ action: z.enum(['cancel', 'retry', 'accept']), by: z.string(), at: instant }))
    .meta({ description: 'What operators did with it, oldest first.' }),
};

/** A run. */
export const runJson = z.strictObject(SHAPE).meta({ id: 'Run', description: 'One execution of a job.' });

const OF_JOB = { job_id: z.uuid(), user_id: z.string(), object_name: z.string() };

/** A run by itself, with its job. */
export const runOfJobJson = z.strictObject({ ...OF_JOB, ...SHAPE }).meta({ id: 'RunOfJob', description: 'A run, with its job.' });

/** A run that has just been queued. */
export const RUN_EXAMPLE: z.input<typeof runJson> = {
  id: EXAMPLE.runId,
  kind: 'window',
  from: '2024-03-10',
  to: '2024-03-11',
  state: 'queued',
  run_at: '2024-03-11T00:05:00.000Z',
  deferred_until: null,
  started_at: null,
  version: null,
  worker: null,
  step: 'waiting',
  progress: null,
  failures: 0,
  error: null,
  receipt: null,
  cost: null,
  finished_at: null,
  actions: [],
};

/** A run of a kind that has just been queued, with its job. */
export function runOfJobExample(run: Partial<z.input<typeof runJson>> = {}): z.input<typeof runOfJobJson> {
  return { job_id: EXAMPLE.jobId, user_id: EXAMPLE.userId, object_name: 'Account', ...RUN_EXAMPLE, ...run };
}
