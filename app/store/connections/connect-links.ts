import type { LoginResult } from '../../core/connections/login-result.ts';
import { onlyRow, type Queryable } from '../database.ts';
import type { Page, Position } from '../jobs/job-list.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** How long a link can be opened. */
const LIFETIME_HOURS = 72;

/** How long a link that can no longer be opened still says so. */
const KEPT_DAYS = 30;

/** Before every id. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** A link with which a Salesforce admin connects one org. */
export interface ConnectLink {
  id: string;
  loginUrl: string;
  /** the only org that it connects, 18 characters; null: any */
  orgId: string | null;
  /** name of the API key */
  createdBy: string;
  createdAt: Date;
  expiresAt: Date;
  /** when it connected an org; null: it has not */
  usedAt: Date | null;
  /** null: it was not revoked */
  revokedAt: Date | null;
  state: 'open' | 'used' | 'revoked' | 'expired';
}

const COLUMNS = `id, login_url, org_id, created_by, created_at, expires_at, used_at, revoked_at,
  CASE WHEN used_at IS NOT NULL THEN 'used' WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired' ELSE 'open' END AS state`;

/**
 * Stores a new link.
 * @param tokenHash SHA-256 of the token that it contains
 */
export async function insertConnectLink(
  database: Queryable,
  tokenHash: Buffer,
  { loginUrl, orgId, createdBy }: Pick<ConnectLink, 'loginUrl' | 'orgId' | 'createdBy'>,
): Promise<ConnectLink> {
  await database.query(`DELETE FROM connect_links WHERE expires_at < now() - $1 * interval '1 day'`, [KEPT_DAYS]);
  const result = await database.query<RowOf<ConnectLink>>(
    `INSERT INTO connect_links (token_hash, login_url, org_id, created_by, expires_at)
     VALUES ($1, $2, $3, $4, now() + $5 * interval '1 hour') RETURNING ${COLUMNS}`,
    [tokenHash, loginUrl, orgId, createdBy, LIFETIME_HOURS],
  );
  return toRecord(onlyRow(result));
}

/** The link with this token; undefined if there is none. */
export async function findConnectLink(database: Queryable, tokenHash: Buffer): Promise<ConnectLink | undefined> {
  const { rows } = await database.query<RowOf<ConnectLink>>(`SELECT ${COLUMNS} FROM connect_links WHERE token_hash = $1`, [tokenHash]);
  return rows[0] && toRecord(rows[0]);
}

/** The link with this id; undefined if there is none. */
export async function findConnectLinkById(database: Queryable, id: string): Promise<ConnectLink | undefined> {
  const { rows } = await database.query<RowOf<ConnectLink>>(`SELECT ${COLUMNS} FROM connect_links WHERE id = $1`, [id]);
  return rows[0] && toRecord(rows[0]);
}

/** A page of all links, the latest first. @returns also the position of its last one, for the next page */
export async function listConnectLinks(
  database: Queryable,
  { limit, after }: Page,
): Promise<{ links: ConnectLink[]; last: Position | undefined }> {
  const { rows } = await database.query<RowOf<ConnectLink> & { position: string }>(
    `SELECT ${COLUMNS}, created_at::text AS position FROM connect_links
     WHERE (created_at, id) < ($1::timestamptz, $2::uuid) ORDER BY created_at DESC, id DESC LIMIT $3`,
    [after?.createdAt ?? 'infinity', after?.id ?? FIRST_ID, limit],
  );
  const last = rows.at(-1);
  return { links: rows.map(({ position: _, ...row }) => toRecord(row)), last: last && { createdAt: last.position, id: last.id } };
}

/**
 * Uses a link up. A login that was opened in time may end after the link has expired.
 * @returns false if another login was faster, or it was revoked
 */
export async function useConnectLink(database: Queryable, { id }: ConnectLink): Promise<boolean> {
  const { rowCount } = await database.query(
    'UPDATE connect_links SET used_at = now() WHERE id = $1 AND used_at IS NULL AND revoked_at IS NULL',
    [id],
  );
  return rowCount === 1;
}

/**
 * Revokes a link and ends the logins that are open with it. Must be called in a transaction.
 * @param result what the browsers of those logins show
 * @returns the link; undefined if it has connected an org
 */
export async function revokeConnectLink(client: Queryable, { id }: ConnectLink, result: LoginResult): Promise<ConnectLink | undefined> {
  const { rows } = await client.query<RowOf<ConnectLink> & { token_hash: Buffer }>(
    `UPDATE connect_links SET revoked_at = coalesce(revoked_at, now()), expires_at = least(expires_at, now())
     WHERE id = $1 AND used_at IS NULL RETURNING ${COLUMNS}, token_hash`,
    [id],
  );
  if (!rows[0]) return undefined;
  const { token_hash, ...link } = rows[0];
  await client.query(
    `UPDATE authorizations SET used_at = now(), expires_at = now(), code_verifier = '', result = $2 WHERE link_hash = $1 AND used_at IS NULL`,
    [token_hash, JSON.stringify(result)],
  );
  return toRecord(link);
}
