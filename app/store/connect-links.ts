import { onlyRow, type Queryable } from './database.ts';
import { type RowOf, toRecord } from './to-record.ts';

/** How long a link can be opened. */
const LIFETIME_HOURS = 72;

/** How long a link that can no longer be opened still says so. */
const KEPT_DAYS = 30;

/** A link with which a Salesforce admin connects one org. */
export interface ConnectLink {
  /** SHA-256 of the token that it contains */
  tokenHash: Buffer;
  loginUrl: string;
  /** the only org that it connects, 18 characters; null: any */
  orgId: string | null;
  /** name of the API key */
  createdBy: string;
  expiresAt: Date;
}

/** Stores a new link. */
export async function insertConnectLink(
  database: Queryable,
  { tokenHash, loginUrl, orgId, createdBy }: Omit<ConnectLink, 'expiresAt'>,
): Promise<ConnectLink> {
  await database.query(`DELETE FROM connect_links WHERE expires_at < now() - $1 * interval '1 day'`, [KEPT_DAYS]);
  const result = await database.query<RowOf<ConnectLink>>(
    `INSERT INTO connect_links (token_hash, login_url, org_id, created_by, expires_at)
     VALUES ($1, $2, $3, $4, now() + $5 * interval '1 hour')
     RETURNING token_hash, login_url, org_id, created_by, expires_at`,
    [tokenHash, loginUrl, orgId, createdBy, LIFETIME_HOURS],
  );
  return toRecord(onlyRow(result));
}

/** The link with this token, and whether it can still be used; undefined if there is none. */
export async function findConnectLink(
  database: Queryable,
  tokenHash: Buffer,
): Promise<{ link: ConnectLink; state: 'open' | 'used' | 'expired' } | undefined> {
  const { rows } = await database.query<RowOf<ConnectLink> & { used: boolean; expired: boolean }>(
    `SELECT token_hash, login_url, org_id, created_by, expires_at, used_at IS NOT NULL AS used, expires_at <= now() AS expired
     FROM connect_links WHERE token_hash = $1`,
    [tokenHash],
  );
  const [row] = rows;
  if (!row) return undefined;
  const { used, expired, ...link } = row;
  return { link: toRecord(link), state: used ? 'used' : expired ? 'expired' : 'open' };
}

/** Uses a link up. A login that was opened in time may end after the link has expired. @returns false if another login was faster */
export async function useConnectLink(database: Queryable, { tokenHash }: ConnectLink): Promise<boolean> {
  const { rowCount } = await database.query('UPDATE connect_links SET used_at = now() WHERE token_hash = $1 AND used_at IS NULL', [
    tokenHash,
  ]);
  return rowCount === 1;
}
