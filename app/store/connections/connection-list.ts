import type { DefaultPolicy } from '../../core/fields/field-policy.ts';
import { onlyRow, type Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';
import type { Connection } from './connections.ts';

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

/** A part of the list: the first after a connection, or the last before one. */
export interface ConnectionPage {
  limit: number;
  /** the id of the connection before it; 0 or undefined: from the start */
  after?: number;
  /** the id of the connection after it */
  before?: number | undefined;
  /** undefined: any */
  status?: Connection['status'] | undefined;
}

/** A login that the previous release stores does not clear why the connection was not active. */
const WHY_ENDED = ['error_code', 'error_message', 'ended_at'].map(
  (column) => `CASE WHEN status <> 'active' THEN ${column} END AS ${column}`,
);

const COLUMNS = `id, org_id, user_id, identity_url, login_url, flow, status, api_share, alias, instance_url, ${WHY_ENDED.join(', ')}, scopes, username,
  org_name, is_sandbox, granted_at, used_at, quiet_hours, exclude_fields, hash_fields, new_fields,
  (SELECT count(*) FROM jobs WHERE jobs.connection_id = connections.id) AS jobs`;

/** A page of the connections, in order of their first login. */
export async function listConnections(
  database: Queryable,
  { limit, after = 0, before, status }: ConnectionPage,
): Promise<ListedConnection[]> {
  const isBackward = before !== undefined;
  const { rows } = await database.query<RowOf<ListedConnection>>(
    `SELECT ${COLUMNS} FROM connections WHERE id > $1 AND ($2::bigint IS NULL OR id < $2) AND ($3::text IS NULL OR status = $3)
     ORDER BY id ${isBackward ? 'DESC' : ''} LIMIT $4`,
    [after, before ?? null, status ?? null, limit],
  );
  const found = rows.map(toRecord);
  return isBackward ? found.reverse() : found;
}

/** What names a connection, to choose one. */
export type NamedConnection = Pick<ListedConnection, 'id' | 'alias' | 'orgName' | 'orgId' | 'username' | 'status'>;

/** All connections, in order of their first login: one deployment serves one company. */
export async function listConnectionNames(database: Queryable): Promise<NamedConnection[]> {
  const { rows } = await database.query<RowOf<NamedConnection>>(
    'SELECT id, alias, org_name, org_id, username, status FROM connections ORDER BY id',
  );
  return rows.map(toRecord);
}

/** How many connections there are in each state. */
export async function countConnections(database: Queryable): Promise<Partial<Record<Connection['status'], number>>> {
  const { rows } = await database.query<{ status: Connection['status']; count: number }>(
    'SELECT status, count(*) FROM connections GROUP BY status',
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

/** The connections that need a login and have jobs: how many, and the first `limit`, in order of their first login. */
export async function connectionsWithoutLogin(
  database: Queryable,
  limit: number,
): Promise<{ connections: number; first: ListedConnection[] }> {
  const waiting = `status = 'needs_login' AND EXISTS (SELECT FROM jobs WHERE jobs.connection_id = connections.id)`;
  const { rows } = await database.query<RowOf<ListedConnection & { found: number }>>(
    `SELECT ${COLUMNS}, count(*) OVER () AS found FROM connections WHERE ${waiting} ORDER BY id LIMIT $1`,
    [limit],
  );
  return { connections: rows[0]?.found ?? 0, first: rows.map(({ found: _, ...row }) => toRecord(row as RowOf<ListedConnection>)) };
}

/** The connection of a job; undefined: there is no such job. */
export async function findConnectionOfJob(database: Queryable, jobId: string): Promise<ListedConnection | undefined> {
  const { rows } = await database.query<RowOf<ListedConnection>>(
    `SELECT ${COLUMNS} FROM connections WHERE id = (SELECT connection_id FROM jobs WHERE id = $1)`,
    [jobId],
  );
  return rows[0] && toRecord(rows[0]);
}

/** The connection with this id. */
export async function readListedConnection(database: Queryable, id: number): Promise<ListedConnection> {
  return toRecord(onlyRow(await database.query<RowOf<ListedConnection>>(`SELECT ${COLUMNS} FROM connections WHERE id = $1`, [id])));
}
