import type { DefaultPolicy } from '../core/field-policy.ts';
import type { Connection } from './connections.ts';
import { onlyRow, type Queryable } from './database.ts';
import { type RowOf, toRecord } from './to-record.ts';

/** A connection, for display: without its tokens. */
export interface ListedConnection extends Connection, DefaultPolicy {
  alias: string | null;
  instanceUrl: string;
  /** why it is not active; null: it is, or an earlier release did not store why */
  errorCode: string | null;
  errorMessage: string | null;
  /** since when it is not active */
  endedAt: Date | null;
  /** as granted, separated by spaces; null: unknown */
  scopes: string | null;
  /** this and the next two according to Salesforce; null: not read yet */
  username: string | null;
  orgName: string | null;
  isSandbox: boolean | null;
  grantedAt: Date;
  /** when it last called its org, within seconds; null: never */
  usedAt: Date | null;
  quietHours: string | null;
  /** how many jobs it has */
  jobs: number;
}

/** A part of the list. */
export interface ConnectionPage {
  limit: number;
  /** the id of the connection before it; 0: from the start */
  after: number;
}

/** A login that the previous release stores does not clear why the connection was not active. */
const WHY_ENDED = ['error_code', 'error_message', 'ended_at'].map(
  (column) => `CASE WHEN status <> 'active' THEN ${column} END AS ${column}`,
);

const COLUMNS = `id, org_id, user_id, identity_url, login_url, flow, status, api_share, alias, instance_url, ${WHY_ENDED.join(', ')}, scopes, username,
  org_name, is_sandbox, granted_at, used_at, quiet_hours, exclude_fields, hash_fields, new_fields,
  (SELECT count(*) FROM jobs WHERE jobs.connection_id = connections.id) AS jobs`;

/** A page of all connections, in order of their first login. */
export async function listConnections(database: Queryable, { limit, after }: ConnectionPage): Promise<ListedConnection[]> {
  const { rows } = await database.query<RowOf<ListedConnection>>(`SELECT ${COLUMNS} FROM connections WHERE id > $1 ORDER BY id LIMIT $2`, [
    after,
    limit,
  ]);
  return rows.map(toRecord);
}

/** The connection with this id. */
export async function readListedConnection(database: Queryable, id: number): Promise<ListedConnection> {
  return toRecord(onlyRow(await database.query<RowOf<ListedConnection>>(`SELECT ${COLUMNS} FROM connections WHERE id = $1`, [id])));
}
