import { formatInstant } from '../core/jobs/start-date.ts';
import { terminalTable } from './output/terminal-table.ts';
import { printable } from './output/text-width.ts';
import { type Action, actionCommand, type Outcome } from './remote/action-command.ts';
import type { RemoteOptions } from './remote/open-service.ts';
import type { RemoteService } from './remote/remote-service.ts';
import type { ConnectionView, ListedConnectionView } from './remote/views.ts';

interface Options extends RemoteOptions {
  alias?: string;
  apiShare?: string;
  quietHours?: string;
  excludeFields?: string;
  hashFields?: string;
  newFields?: string;
  force?: boolean;
}

/** What can be done with connections, and the options of each. */
const ACTIONS: Record<string, Action<Options>> = {
  list: { takes: [], namesNone: true, run: list },
  show: { takes: [], run: async (service, name) => shown(await service.get<ConnectionView>(pathOf(name))) },
  test: { takes: [], run: async (service, name) => reported(await service.request('POST', `${pathOf(name)}/test`)) },
  change: { takes: ['alias', 'apiShare', 'quietHours', 'excludeFields', 'hashFields', 'newFields'], run: change },
  disconnect: {
    takes: ['force'],
    run: async (service, name, { force }) =>
      reported(await service.request('POST', `${pathOf(name)}/disconnect`, { force: force ? 'true' : undefined })),
  },
};

/** Lists the connections, or does something with the one that the second argument names. */
export const connections = actionCommand({ name: 'connections', one: 'connection', named: '<alias, id or user_id>' }, ACTIONS);

function pathOf(name: string): string {
  return `v1/connections/${encodeURIComponent(name)}`;
}

async function change(service: RemoteService, name: string, options: Options): Promise<Outcome> {
  const { alias, apiShare, quietHours, excludeFields, hashFields, newFields } = options;
  const policy = { exclude_fields: excludeFields, hash_fields: hashFields, new_fields: newFields };
  return shown(await service.request('PATCH', pathOf(name), { alias, api_share: apiShare, quiet_hours: quietHours, ...policy }));
}

function reported(result: { message: string }): Outcome {
  return { result, lines: [printable(result.message)] };
}

function shown(connection: ConnectionView): Outcome {
  return { result: connection, lines: describeConnection(connection).map(printable) };
}

/** A line per property. */
function describeConnection(connection: ConnectionView): string[] {
  const { scopes, api_share, status, error, granted_at, used_at } = connection;
  const since = error?.since ? ` since ${formatInstant(new Date(error.since))}` : '';
  const properties = {
    id: connection.id,
    alias: connection.alias ?? 'none',
    user_id: connection.user_id,
    username: connection.username ?? 'unknown until it is tested',
    org: `${describeOrg(connection)}, ${connection.org_id}, at ${connection.instance_url}`,
    status: error ? `${status}${since}: ${error.message}` : status,
    scopes: scopes?.join(' ') ?? 'unknown until the next login',
    granted: formatInstant(new Date(granted_at)),
    'last used': used_at ? formatInstant(new Date(used_at)) : 'never',
    'calls to the org in 24 hours': describeCalls(connection.calls_in_24_hours),
    jobs: connection.jobs.toLocaleString('en'),
    api_share: api_share ?? 'that of API_SHARE',
    quiet_hours: connection.quiet_hours ?? 'none',
    exclude_fields: connection.exclude_fields.join(',') || 'none',
    hash_fields: connection.hash_fields.join(',') || 'none',
    new_fields: connection.new_fields ?? 'add',
  };
  return Object.entries(properties).map(([name, value]) => `${name}: ${value}`);
}

/** For example "412 by this service, of 50,000 that it may make; 9,120 of 100,000 by all clients". */
function describeCalls({ own, allowed, org_used, org_limit }: ConnectionView['calls_in_24_hours']): string {
  const [ours, most, used, limit] = [own, allowed, org_used, org_limit].map((calls) => calls?.toLocaleString('en'));
  if (most === undefined) return `${ours} by this service`;
  return `${ours} by this service, of ${most} that it may make; ${used} of ${limit} by all clients`;
}

const COLUMNS = ['id', 'alias', 'org', 'username', 'status', 'jobs', 'last used', 'user_id'];

/** A table that fits the terminal. */
async function list(service: RemoteService): Promise<Outcome> {
  const found = await service.list<ListedConnectionView>('v1/connections', 'connections');
  const table = terminalTable(
    COLUMNS.map((name) => ({ name, numeric: name === 'jobs' })),
    found.map(toRow),
  );
  const none = 'There are no connections. To connect an org, call get_oauth_url or create a link: node app/cli.ts connect-links create.';
  return { result: { connections: found }, lines: found.length === 0 ? [none] : table };
}

function toRow(connection: ListedConnectionView): string[] {
  const { id, alias, username, status, jobs, used_at, user_id } = connection;
  const used = used_at ? formatInstant(new Date(used_at)) : 'never';
  return [String(id), alias ?? '', describeOrg(connection), username ?? '', status, jobs.toLocaleString('en'), used, user_id];
}

function describeOrg({ org_name, org_kind }: ListedConnectionView): string {
  return org_name === null ? 'unknown until it is tested' : `${org_name} (${org_kind})`;
}
