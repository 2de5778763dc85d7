import * as z from 'zod';
import { changeConnection } from '../../actions/connections/change-connection.ts';
import { disconnect } from '../../actions/connections/disconnect.ts';
import { requireConnection } from '../../actions/connections/require-connection.ts';
import { testConnection } from '../../actions/connections/test-connection.ts';
import type { Context } from '../../context.ts';
import { listConnections } from '../../store/connections/connection-list.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { SALESFORCE_ERRORS } from '../common-errors.ts';
import { readConnectionJson, toConnectionJson } from '../connection-json.ts';
import { defineEndpoint } from '../endpoint.ts';
import { idPageFields, nextAfterId } from '../paging.ts';
import {
  CONNECTION_EXAMPLE,
  connectionJson,
  LISTED_CONNECTION_EXAMPLE,
  listedConnectionJson,
  reportedConnectionJson,
} from '../schemas/connection.ts';
import { connection, flag, optionalText } from '../schemas/fields.ts';
import { pageJson } from '../schemas/json.ts';

/** A connection's id or alias. */
const PATH = 'v1/connections/{connection}';

const named = (context: Context, fields: { connection: string }): Promise<Connection> =>
  requireConnection(context, fields.connection, 'The connection in the path');

/** Lists connections page by page, in order of their first login. */
export const connectionList = defineEndpoint({
  name: 'v1/connections',
  methods: ['GET'],
  group: 'connections',
  summary: 'Lists connections page by page, in order of their first login.',
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object(idPageFields),
  response: pageJson('connections', listedConnectionJson),
  errors: [],
  example: { request: {}, response: { connections: [LISTED_CONNECTION_EXAMPLE], next: null } },
  async handle({ database }, { limit, after = 0 }) {
    const found = await listConnections(database, { limit, after });
    return { connections: found.map(toConnectionJson), next: nextAfterId({ limit }, found) };
  },
});

/** One connection, with its calls. */
export const connectionView = defineEndpoint({
  name: PATH,
  methods: ['GET'],
  group: 'connections',
  summary: 'Returns a connection, with the calls to its org in the last 24 hours.',
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object({ connection }),
  response: connectionJson,
  errors: ['not_found'],
  example: { request: { connection: 'production' }, response: CONNECTION_EXAMPLE },
  handle: async (context, fields) => await readConnectionJson(context, (await named(context, fields)).id),
});

/** Changes what users set for a connection. */
export const connectionChange = defineEndpoint({
  name: PATH,
  methods: ['PATCH'],
  group: 'connections',
  summary: 'Changes the settings of a connection; an empty one is removed.',
  roles: ['operate', 'admin'],
  request: z.object({
    connection,
    alias: optionalText('A short name, for paths and files.', 'production'),
    api_share: optionalText("The share of the org's daily calls that the service may use, from 0.01 to 1.", '0.3'),
    quiet_hours: optionalText('When no repair starts: from, to, and a time zone.', '08:00-18:00 Europe/Berlin'),
    exclude_fields: optionalText('Fields that new jobs never read: names or patterns, separated by commas.', '*.SSN__c'),
    hash_fields: optionalText('Fields of which new jobs only store a hash: names or patterns, separated by commas.', 'Contact.Email'),
    new_fields: optionalText(
      'Whether fields that appear later in objects of new jobs are added (add), or await approval (review).',
      'review',
    ),
  }),
  response: connectionJson,
  errors: ['not_found', 'conflict'],
  example: {
    request: { connection: 'production', quiet_hours: '08:00-18:00 Europe/Berlin' },
    response: CONNECTION_EXAMPLE,
  },
  async handle(context, fields, caller) {
    const found = await named(context, fields);
    const { alias, api_share, quiet_hours, exclude_fields, hash_fields, new_fields } = fields;
    const policy = { excludeFields: exclude_fields, hashFields: hash_fields, newFields: new_fields };
    await changeConnection(context, found, { alias, apiShare: api_share, quietHours: quiet_hours, ...policy }, caller.name);
    return await readConnectionJson(context, found.id);
  },
});

/** Calls a connection's org. */
export const connectionTest = defineEndpoint({
  name: `${PATH}/test`,
  methods: ['POST'],
  group: 'connections',
  summary: 'Calls the org of a connection, to see whether its grant works.',
  roles: ['operate', 'admin'],
  request: z.object({ connection }),
  response: reportedConnectionJson,
  errors: ['not_found', ...SALESFORCE_ERRORS],
  example: {
    request: { connection: 'production' },
    response: { ...CONNECTION_EXAMPLE, message: 'Works: sync@acme.example of Acme (production), API version 66.0, three calls in 0.4 s.' },
  },
  async handle(context, fields) {
    const found = await named(context, fields);
    const message = await testConnection(context, found);
    return { ...(await readConnectionJson(context, found.id)), message };
  },
});

/** Ends a connection. */
export const connectionEnd = defineEndpoint({
  name: `${PATH}/disconnect`,
  methods: ['POST'],
  group: 'connections',
  summary: 'Revokes the grant of a connection, forgets its tokens and pauses its jobs.',
  roles: ['operate', 'admin'],
  request: z.object({ connection, force: flag('force', 'Whether to forget the tokens even if Salesforce cannot revoke the grant.') }),
  response: reportedConnectionJson,
  errors: ['not_found', 'conflict', 'salesforce_unavailable', 'unknown_token_key', 'store_restored'],
  example: {
    request: { connection: 'production' },
    response: {
      ...CONNECTION_EXAMPLE,
      status: 'disconnected',
      message: 'Salesforce has revoked the grant. Its tokens are forgotten, and 2 jobs are paused. The tables stay.',
    },
  },
  async handle(context, fields, caller) {
    const found = await named(context, fields);
    const message = await disconnect(context, found, fields.force ?? false, caller.name);
    return { ...(await readConnectionJson(context, found.id)), message };
  },
});
