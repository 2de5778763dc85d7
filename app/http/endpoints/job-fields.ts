import * as z from 'zod';
import { readJobFields } from '../../actions/jobs/read-job-fields.ts';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { schemaChangesOf } from '../../core/runs/run-rows.ts';
import { listDriftingRuns } from '../../store/jobs/schema-changes.ts';
import { defineEndpoint } from '../endpoint.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { jobId } from '../schemas/fields.ts';
import { instant } from '../schemas/json.ts';
import { FIELD_EXAMPLE, fieldJson } from '../schemas/preview.ts';
import { toFieldJson } from './preview-job.ts';

/** What a job does with each field of its object. Makes no call to the org. */
export const jobFieldList = defineEndpoint({
  name: 'v1/jobs/{job_id}/fields',
  methods: ['GET'],
  group: 'jobs',
  summary: "Lists the fields of a job's object, as its runs last described it, and what the job does with each.",
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object({ job_id: jobId }),
  response: z.strictObject({ fields: z.array(fieldJson).meta({ description: 'Empty before the first run.' }) }),
  errors: ['not_found'],
  example: { request: { job_id: EXAMPLE.jobId }, response: { fields: [FIELD_EXAMPLE] } },
  async handle(context, { job_id }) {
    const fields = await readJobFields(context, await requireJobById(context, job_id));
    return { fields: fields.map(toFieldJson) };
  },
});

const changeJson = z
  .strictObject({
    at: instant.meta({ description: 'When the run that applied or noticed it ended.' }),
    run_id: z.uuid(),
    change: z.enum(['column_added', 'column_orphaned', 'field_retyped', 'field_skipped', 'field_pending']),
    field: z.nullable(z.string()),
    column: z.nullable(z.string()),
    field_type: z.nullable(z.string()),
    column_type: z.nullable(z.string()),
    detail: z.nullable(z.string()),
  })
  .meta({ id: 'SchemaChange', description: 'A change of a target table, or of the fields that fill it: a row of _schema_changes.' });

/** The changes of a job's table, and the fields that await approval. */
export const jobSchemaChanges = defineEndpoint({
  name: 'v1/jobs/{job_id}/schema-changes',
  methods: ['GET'],
  group: 'jobs',
  summary: "Lists the changes of a job's table and fields, the latest first, and the fields that await approval.",
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object({ job_id: jobId }),
  response: z.strictObject({
    changes: z.array(changeJson).meta({ description: 'As far back as runs are kept; _schema_changes has all.' }),
    pending: z.array(z.string()).meta({ description: 'What PATCH with approve_fields can approve.' }),
  }),
  errors: ['not_found'],
  example: {
    request: { job_id: EXAMPLE.jobId },
    response: {
      changes: [
        {
          at: '2024-03-11T00:06:12.000Z',
          run_id: EXAMPLE.runId,
          change: 'field_pending',
          field: 'Tier__c',
          column: null,
          field_type: null,
          column_type: null,
          detail: null,
        },
      ],
      pending: ['Tier__c'],
    },
  },
  async handle(context, { job_id }) {
    const job = await requireJobById(context, job_id);
    const [runs, fields] = await Promise.all([listDriftingRuns(context.database, job.id), readJobFields(context, job)]);
    return {
      changes: runs.flatMap(schemaChangesOf).map(({ changed_at, run, change, field, column_name, field_type, column_type, detail }) => ({
        at: changed_at,
        run_id: run,
        change,
        field,
        column: column_name,
        field_type,
        column_type,
        detail,
      })),
      pending: fields.flatMap(({ name, treatment }) => (treatment === 'pending' ? [name] : [])),
    };
  },
});
