import type { Context } from '../context.ts';
import { type ListedConnection, readListedConnection } from '../store/connections/connection-list.ts';

/** A connection, as the list shows it. */
export function toConnectionJson(connection: ListedConnection): object {
  const { errorCode, errorMessage, isSandbox } = connection;
  return {
    id: connection.id,
    alias: connection.alias,
    user_id: connection.identityUrl,
    username: connection.username,
    org_id: connection.orgId,
    org_name: connection.orgName,
    org_kind: isSandbox === null ? null : isSandbox ? 'sandbox' : 'production',
    login_url: connection.loginUrl,
    instance_url: connection.instanceUrl,
    status: connection.status,
    error: errorCode && { code: errorCode, message: errorMessage, since: connection.endedAt },
    scopes: connection.scopes?.split(' ') ?? null,
    granted_at: connection.grantedAt,
    used_at: connection.usedAt,
    jobs: connection.jobs,
    api_share: connection.apiShare,
    quiet_hours: connection.quietHours,
    exclude_fields: connection.excludeFields,
    hash_fields: connection.hashFields,
    new_fields: connection.newFields,
  };
}

/** A connection by itself, with the calls to its org in the last 24 hours and how many this service may make. */
export async function readConnectionJson({ database, calls, config }: Context, id: number): Promise<object> {
  const connection = await readListedConnection(database, id);
  const { ownCalls, reported } = await calls.quota(connection.orgId);
  const allowed = reported ? Math.floor(reported.limit * (connection.apiShare ?? config.apiShare)) : null;
  const daily = { own: ownCalls, allowed, org_used: reported?.used ?? null, org_limit: reported?.limit ?? null };
  return { ...toConnectionJson(connection), calls_in_24_hours: daily };
}
