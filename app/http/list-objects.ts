import * as z from 'zod';
import { listObjects } from '../actions/list-objects.ts';
import { requireConnection } from '../actions/require-connection.ts';
import { SALESFORCE_ERRORS } from './common-errors.ts';
import { defineEndpoint } from './endpoint.ts';
import { connection } from './schemas/fields.ts';
import { count } from './schemas/json.ts';

const objectJson = z
  .strictObject({
    name: z.string(),
    label: z.string(),
    rows: z.nullable(count).meta({ description: "Salesforce's estimate; null: unknown, or none." }),
    importable: z.boolean(),
    reason: z.nullable(z.string()).meta({ description: 'Why it cannot be imported.' }),
  })
  .meta({ id: 'Object', description: "An object that the connection's user can see." });

/** Lists the objects of a connection's org, and which of them can be imported. Calls the org, so keys that may only read must not. */
export const connectionObjects = defineEndpoint({
  name: 'v1/connections/{connection}/objects',
  methods: ['GET'],
  group: 'objects',
  summary: 'Lists the objects of an org, and which of them can be imported.',
  roles: ['operate', 'admin'],
  request: z.object({ connection }),
  response: z.strictObject({ objects: z.array(objectJson) }),
  errors: ['not_found', ...SALESFORCE_ERRORS],
  example: {
    request: { connection: 'production' },
    response: { objects: [{ name: 'Account', label: 'Account', rows: 12_400, importable: true, reason: null }] },
  },
  async handle(context, fields) {
    const found = await requireConnection(context, fields.connection, 'The connection in the path');
    const objects = await listObjects(context, found);
    return {
      objects: objects.map(({ name, label, rows, refusal }) => ({ name, label, rows, importable: refusal === null, reason: refusal })),
    };
  },
});
