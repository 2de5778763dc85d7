import { styleText } from 'node:util';
import { changeConnection } from '../actions/connections/change-connection.ts';
import { disconnect } from '../actions/connections/disconnect.ts';
import { requireConnection } from '../actions/connections/require-connection.ts';
import { testConnection } from '../actions/connections/test-connection.ts';
import { type Context, createContext } from '../context.ts';
import { formatInstant } from '../core/jobs/start-date.ts';
import { createEvents } from '../events.ts';
import { createLog } from '../log.ts';
import { type ListedConnection, listConnections, readListedConnection } from '../store/connections/connection-list.ts';
import type { Connection } from '../store/connections/connections.ts';
import { COMMAND_LINE, type Command } from './command.ts';
import { compareStore } from './compare-store.ts';
import { formatTable } from './output/table.ts';
import { printable } from './output/text-width.ts';
import { readServiceConfig, type ServiceOptions } from './read-service-config.ts';
import { requireFittingOptions } from './require-fitting-options.ts';

interface Options extends ServiceOptions {
  alias?: string;
  apiShare?: string;
  quietHours?: string;
  excludeFields?: string;
  hashFields?: string;
  newFields?: string;
  force?: boolean;
}

type Action = (context: Context, connection: Connection, options: Options) => Promise<string[]>;

const MAX_LISTED = 1_000;

/** What can be done with a connection, the options of each, and what to print. */
const ACTIONS: Record<string, { takes: readonly (keyof Options)[]; run: Action }> = {
  show: { takes: [], run: describeConnection },
  test: { takes: [], run: async (context, connection) => [await testConnection(context, connection)] },
  change: { takes: ['alias', 'apiShare', 'quietHours', 'excludeFields', 'hashFields', 'newFields'], run: changeAndShow },
  disconnect: {
    takes: ['force'],
    run: async (context, connection, { force = false }) => [await disconnect(context, connection, force, COMMAND_LINE)],
  },
};

/** Lists the connections, or does something with the one that the second argument names. Its events go to standard error. */
export const connections: Command<Options> = async ({ args, options, env }) => {
  const [action = '', name] = args;
  requireFittingOptions({ name: 'connections', one: 'connection', named: '<alias, id or user_id>' }, ACTIONS, args, options);
  const { config } = await readServiceConfig(options, env);
  const context = createContext(config, createEvents(createLog(process.stderr)));
  try {
    if (name !== undefined) await compareStore(context);
    const lines =
      name === undefined
        ? await describeConnections(context)
        : await ACTIONS[action]!.run(context, await requireConnection(context, name, 'The connection'), options);
    for (const line of lines) console.log(name === undefined ? line : printable(line));
    return 0;
  } finally {
    await context.close();
  }
};

async function changeAndShow(context: Context, connection: Connection, options: Options): Promise<string[]> {
  await changeConnection(context, connection, options, COMMAND_LINE);
  return await describeConnection(context, connection);
}

/** A line per property. */
async function describeConnection(context: Context, { id }: Connection): Promise<string[]> {
  const connection = await readListedConnection(context.database, id);
  const { ownCalls, reported } = await context.calls.quota(connection.orgId);
  const { scopes, apiShare, quietHours, usedAt, jobs, errorMessage, endedAt } = connection;
  const used = reported ? `, of ${reported.used} by all clients and ${reported.limit} allowed` : '';
  const properties = {
    id: String(connection.id),
    alias: connection.alias ?? 'none',
    user_id: connection.identityUrl,
    username: connection.username ?? 'unknown until it is tested',
    org: `${describeOrg(connection)}, ${connection.orgId}, at ${connection.instanceUrl}`,
    status: endedAt ? `${connection.status} since ${formatInstant(endedAt)}: ${errorMessage}` : connection.status,
    scopes: scopes ?? 'unknown until the next login',
    granted: formatInstant(connection.grantedAt),
    'last used': usedAt ? formatInstant(usedAt) : 'never',
    'calls to the org in 24 hours': `${ownCalls} by this service${used}`,
    jobs: String(jobs),
    api_share: apiShare === null ? `API_SHARE, ${context.config.apiShare}` : String(apiShare),
    quiet_hours: quietHours ?? 'none',
    exclude_fields: connection.excludeFields.join(',') || 'none',
    hash_fields: connection.hashFields.join(',') || 'none',
    new_fields: connection.newFields ?? 'add',
  };
  return Object.entries(properties).map(([name, value]) => `${name}: ${value}`);
}

/** A table that fits the terminal. */
async function describeConnections({ database }: Context): Promise<string[]> {
  const found = await listConnections(database, { limit: MAX_LISTED, after: 0 });
  if (found.length === 0) return ['There are no connections. Call get_oauth_url to connect an org.'];
  const rows = found.map((connection) => [
    String(connection.id),
    connection.alias ?? '',
    describeOrg(connection),
    connection.username ?? '',
    connection.status,
    String(connection.jobs),
    connection.usedAt ? formatInstant(connection.usedAt) : 'never',
    connection.identityUrl,
  ]);
  const names = ['id', 'alias', 'org', 'username', 'status', 'jobs', 'last used', 'user_id'];
  const columns = names.map((name) => ({ name, numeric: name === 'jobs' }));
  return formatTable(columns, rows, process.stdout.columns || Number.POSITIVE_INFINITY, (line) => styleText('bold', line));
}

function describeOrg({ orgName, isSandbox }: ListedConnection): string {
  return orgName === null ? 'unknown until it is tested' : `${orgName} (${isSandbox ? 'sandbox' : 'production'})`;
}
