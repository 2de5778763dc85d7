import * as z from 'zod';
import { describeOrgObject } from '../../actions/connections/describe-org-object.ts';
import { listObjects, type OrgObject } from '../../actions/connections/list-objects.ts';
import { requireConnection } from '../../actions/connections/require-connection.ts';
import { whileConnected } from '../../actions/while-connected.ts';
import { jobMode } from '../../core/jobs/job-mode.ts';
import { SALESFORCE_ERRORS } from '../common-errors.ts';
import { defineEndpoint } from '../endpoint.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { connection, objectName } from '../schemas/fields.ts';
import { jobModeJson } from '../schemas/job.ts';
import { count } from '../schemas/json.ts';
import { apiJson } from '../schemas/preview.ts';

const SHAPE = {
  name: z.string(),
  label: z.string(),
  rows: z.nullable(count).meta({ description: "Salesforce's estimate; null: unknown, or none." }),
  importable: z.boolean(),
  reason: z.nullable(z.string()).meta({ description: 'Why it cannot be imported.' }),
  api: z.nullable(apiJson).meta({ description: 'How so many rows are read; null: their number is unknown.' }),
  api_reason: z.nullable(z.string()),
  job_id: z.nullable(z.uuid()).meta({ description: "The connection's job for it." }),
  cursor_field: z.nullable(z.string()),
  formulas: z.nullable(count).meta({ description: 'How many fields Salesforce calculates.' }),
};

export const listedJson = z.strictObject(SHAPE).meta({
  id: 'Object',
  description: "An object that the connection's user can see. Without a job, its cursor_field and formulas are null.",
});

export const describedJson = z
  .strictObject({
    ...SHAPE,
    mode: jobModeJson,
    fields: count.meta({ description: "How many fields the connection's user sees." }),
    skipped_fields: z
      .array(z.strictObject({ name: z.string(), type: z.string(), reason: z.string() }))
      .meta({ description: 'The fields that no job can read.' }),
  })
  .meta({ id: 'DescribedObject', description: 'An object, as a new job would find it.' });

const EXAMPLE_OBJECT = {
  name: 'Account',
  label: 'Account',
  rows: 12_400,
  importable: true,
  reason: null,
  api: 'bulk',
  api_reason: '12,400 rows, more than 10,000',
  job_id: EXAMPLE.jobId,
  cursor_field: 'SystemModstamp',
  formulas: 3,
} as const;

/** Lists the objects of a connection's org, and what is known about importing them. Calls the org, so keys that may only read must not. */
export const connectionObjects = defineEndpoint({
  name: 'v1/connections/{connection}/objects',
  methods: ['GET'],
  group: 'objects',
  summary: 'Lists the objects of an org, and which of them can be imported.',
  roles: ['operate', 'admin'],
  request: z.object({ connection }),
  response: z.strictObject({ objects: z.array(listedJson) }),
  errors: ['not_found', ...SALESFORCE_ERRORS],
  example: { request: { connection: 'production' }, response: { objects: [EXAMPLE_OBJECT] } },
  async handle(context, fields, _caller, _wantsJson, closed) {
    const found = await requireConnection(context, fields.connection, 'The connection in the path');
    const objects = await listObjects(whileConnected(context, closed), found);
    return {
      objects: objects.map((object) => ({
        ...toObjectJson(object),
        cursor_field: object.known?.cursorField ?? null,
        formulas: object.known?.formulas ?? null,
      })),
    };
  },
});

/** One object, which is described for it. */
export const connectionObject = defineEndpoint({
  name: 'v1/connections/{connection}/objects/{object_name}',
  methods: ['GET'],
  group: 'objects',
  summary: 'Describes an object, as a new job would find it.',
  roles: ['operate', 'admin'],
  request: z.object({ connection, object_name: objectName }),
  response: describedJson,
  errors: ['not_found', ...SALESFORCE_ERRORS],
  example: {
    request: { connection: 'production', object_name: 'Account' },
    response: {
      ...EXAMPLE_OBJECT,
      mode: 'windows',
      fields: 68,
      skipped_fields: [{ name: 'BillingAddress', type: 'address', reason: 'compound: its parts are fields of their own' }],
    },
  },
  async handle(context, fields, _caller, _wantsJson, closed) {
    const found = await requireConnection(context, fields.connection, 'The connection in the path');
    const object = await describeOrgObject(whileConnected(context, closed), found, fields.object_name);
    const { mode, formulas, skipped } = object;
    return {
      ...toObjectJson(object),
      cursor_field: mode.cursorField,
      formulas,
      mode: jobMode({ whole: mode.cursorField === null, appendOnly: mode.appendOnly }),
      fields: object.fields,
      skipped_fields: skipped,
    };
  },
});

function toObjectJson({ name, label, rows, refusal, api, known }: OrgObject): object {
  return {
    name,
    label,
    rows,
    importable: refusal === null,
    reason: refusal,
    api: api?.method ?? null,
    api_reason: api?.reason ?? null,
    job_id: known?.jobId ?? null,
  };
}
