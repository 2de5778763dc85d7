import { changeConnection } from '../actions/change-connection.ts';
import { disconnect } from '../actions/disconnect.ts';
import { requireConnection } from '../actions/require-connection.ts';
import { testConnection } from '../actions/test-connection.ts';
import type { Context } from '../context.ts';
import { listConnections } from '../store/connection-list.ts';
import type { Connection } from '../store/connections.ts';
import { readConnectionJson, toConnectionJson } from './connection-json.ts';
import type { Endpoint } from './endpoint.ts';
import { type Fields, readBoolean } from './fields.ts';
import { encodeAfter, PAGING_FIELDS, readAfter, readLimit } from './paging.ts';

/** A connection's id or alias. */
const PATH = 'v1/connections/{connection}';

const named = (context: Context, fields: Fields): Promise<Connection> =>
  requireConnection(context, fields.connection!, 'The connection in the path');

/** Lists connections page by page, in order of their first login. */
export const connectionList: Endpoint = {
  name: 'v1/connections',
  methods: ['GET'],
  roles: ['read', 'data', 'operate', 'admin'],
  required: [],
  optional: PAGING_FIELDS,
  async handle({ database }, fields) {
    const limit = readLimit(fields.limit);
    const after = Number(readAfter(fields.after, /^[1-9]\d{0,14}$/)?.[0] ?? 0);
    const found = await listConnections(database, { limit, after });
    const last = found.at(-1);
    return { connections: found.map(toConnectionJson), next: last && found.length === limit ? encodeAfter(String(last.id)) : null };
  },
};

/** One connection, with its calls. */
export const connectionView: Endpoint = {
  name: PATH,
  methods: ['GET'],
  roles: ['read', 'data', 'operate', 'admin'],
  required: [],
  optional: [],
  handle: async (context, fields) => await readConnectionJson(context, (await named(context, fields)).id),
};

/** Changes what users set for a connection. */
export const connectionChange: Endpoint = {
  name: PATH,
  methods: ['PATCH'],
  roles: ['operate', 'admin'],
  required: [],
  optional: ['alias', 'api_share', 'quiet_hours', 'exclude_fields', 'hash_fields', 'new_fields'],
  async handle(context, fields, caller) {
    const connection = await named(context, fields);
    const { alias, api_share, quiet_hours, exclude_fields, hash_fields, new_fields } = fields;
    const policy = { excludeFields: exclude_fields, hashFields: hash_fields, newFields: new_fields };
    await changeConnection(context, connection, { alias, apiShare: api_share, quietHours: quiet_hours, ...policy }, caller.name);
    return await readConnectionJson(context, connection.id);
  },
};

/** Calls a connection's org. */
export const connectionTest: Endpoint = {
  name: `${PATH}/test`,
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: [],
  optional: [],
  async handle(context, fields) {
    const connection = await named(context, fields);
    const message = await testConnection(context, connection);
    return { ...(await readConnectionJson(context, connection.id)), message };
  },
};

/** Ends a connection. */
export const connectionEnd: Endpoint = {
  name: `${PATH}/disconnect`,
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: [],
  optional: ['force'],
  async handle(context, fields, caller) {
    const connection = await named(context, fields);
    const message = await disconnect(context, connection, readBoolean(fields, 'force') ?? false, caller.name);
    return { ...(await readConnectionJson(context, connection.id)), message };
  },
};
