import { listObjects } from '../actions/list-objects.ts';
import { requireConnection } from '../actions/require-connection.ts';
import type { Endpoint } from './endpoint.ts';

/** Lists the objects of a connection's org, and which of them can be imported. Calls the org, so keys that may only read must not. */
export const connectionObjects: Endpoint = {
  name: 'v1/connections/{connection}/objects',
  methods: ['GET'],
  roles: ['operate', 'admin'],
  required: [],
  optional: [],
  async handle(context, { connection }) {
    const found = await requireConnection(context, connection!, 'The connection in the path');
    const objects = await listObjects(context, found);
    return {
      objects: objects.map(({ name, label, rows, refusal }) => ({ name, label, rows, importable: refusal === null, reason: refusal })),
    };
  },
};
