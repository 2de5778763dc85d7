import * as z from 'zod';
import { EXAMPLE } from './examples.ts';
import { jobModeJson } from './job.ts';
import { jobOptionsJson } from './job-options.ts';
import { count, errorJson } from './json.ts';

const share = z
  .nullable(z.number().min(0))
  .meta({ description: 'The part of the calls that the service may make a day; null: the limit of the org is unknown.' });

const dollars = z.number().min(0).meta({ description: "At BigQuery's list price." });

/** What a job does with a field. */
export const fieldJson = z
  .strictObject({
    name: z.string(),
    label: z.string(),
    type: z.string().meta({ description: "Salesforce's, with the size." }),
    column: z.nullable(z.string()),
    column_type: z.nullable(z.string()).meta({ description: 'In BigQuery.' }),
    treatment: z.enum(['read', 'hashed', 'excluded', 'pending', 'skipped']),
    reason: z.nullable(z.string()).meta({ description: 'Why it is not read as it is.' }),
  })
  .meta({ id: 'Field', description: 'What a job does with a field of its object.' });

export const apiJson = z.enum(['rest', 'bulk']);

const plannedJson = z.strictObject({
  label: z.string(),
  ...jobOptionsJson,
  table: z.string().meta({ description: 'The target table, <dataset>.<table>.' }),
  partitioned: z.boolean().meta({ description: 'By month of CreatedDate.' }),
  mode: jobModeJson,
  cursor_field: z.nullable(z.string()),
  rows: z.nullable(count).meta({ description: "Of the object, by Salesforce's estimate; null: unknown." }),
  first_import: z
    .nullable(
      z.strictObject({
        api: apiJson,
        reason: z.string(),
        rows: count,
        slices: count,
        salesforce_calls: count,
        share_of_allowed: share,
        bytes_billed: count,
        dollars,
      }),
    )
    .meta({ description: 'An estimate; null: the number of its rows is unknown.' }),
  per_day: z
    .strictObject({ salesforce_calls: count, share_of_allowed: share, bytes_billed: count, bytes_per_merge: count, dollars })
    .meta({ description: 'What its windows cost on a day with usual changes.' }),
  calls: z
    .strictObject({
      org_limit: z.nullable(count),
      org_used: z.nullable(count).meta({ description: 'Calls of all clients of the org.' }),
      allowed: z.nullable(count).meta({ description: 'How many the service may make a day.' }),
      own: count.meta({ description: 'Calls of this service.' }),
      other_jobs_per_day: count.meta({ description: "What the org's other active jobs need, by estimate." }),
    })
    .meta({ description: 'The calls to the org in the last 24 hours.' }),
  fields: z.array(fieldJson),
});

/** What the creation of a job would do. */
export const previewJson = z
  .strictObject({
    object_name: z.string(),
    outcome: z.enum(['create', 'exists', 'take_over', 'refused']),
    job_id: z.nullable(z.uuid()).meta({ description: 'The job that exists.' }),
    refusals: z.array(errorJson).meta({ description: 'The errors with which the creation would fail.' }),
    warnings: z.array(z.string()),
    job: z.nullable(plannedJson).meta({ description: 'Null: a job exists, or the object cannot be imported at all.' }),
  })
  .meta({ id: 'JobPreview', description: 'What the creation of a job would do and cost.' });

export const FIELD_EXAMPLE: z.input<typeof fieldJson> = {
  name: 'Email',
  label: 'Email',
  type: 'email(80)',
  column: 'Email',
  column_type: 'STRING',
  treatment: 'hashed',
  reason: 'hash_fields lists it',
};

export const PREVIEW_EXAMPLE: z.input<typeof previewJson> = {
  object_name: 'Contact',
  outcome: 'create',
  job_id: null,
  refusals: [],
  warnings: [],
  job: {
    label: 'Contact',
    start_date: 'all',
    dataset: 'salesforce',
    every: '1h',
    deletes: 'keep',
    append_only: false,
    history: false,
    exclude_fields: [],
    hash_fields: ['Email'],
    new_fields: 'add',
    table: 'salesforce.Contact',
    partitioned: false,
    mode: 'windows',
    cursor_field: 'SystemModstamp',
    rows: 48_211,
    first_import: {
      api: 'bulk',
      reason: '48,211 rows, more than 10,000',
      rows: 48_211,
      slices: 1,
      salesforce_calls: 22,
      share_of_allowed: 0.0004,
      bytes_billed: 197_472_256,
      dollars: 0.001123,
    },
    per_day: {
      salesforce_calls: 72,
      share_of_allowed: 0.0014,
      bytes_billed: 2_375_909_376,
      bytes_per_merge: 98_996_224,
      dollars: 0.013506,
    },
    calls: { org_limit: 100_000, org_used: 9_120, allowed: 50_000, own: 412, other_jobs_per_day: 216 },
    fields: [FIELD_EXAMPLE],
  },
};

export const PREVIEW_REQUEST = { user_id: EXAMPLE.userId, object_name: 'Contact', start_date: 'all', every: '1h', hash_fields: 'Email' };
