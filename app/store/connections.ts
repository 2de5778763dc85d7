import type pg from 'pg';
import type { Identity } from '../core/identity.ts';
import { AppError, isAppError } from '../errors.ts';
import { onlyRow, type Queryable, transaction } from './database.ts';
import type { Sealer } from './seal.ts';

/** A Salesforce user's grant that we may use. Tokens are read apart, by what needs them. */
export interface Connection {
  id: number;
  orgId: string;
  userId: string;
  identityUrl: string;
  loginUrl: string;
  status: 'active' | 'needs_login';
}

/** What a call to Salesforce needs. */
export interface AccessToken {
  accessToken: string;
  instanceUrl: string;
}

/** What Salesforce gives for a code. */
export interface Grant extends AccessToken {
  identityUrl: string;
  loginUrl: string;
  refreshToken: string;
}

/** What Salesforce gives for a refresh token; a new refresh token only where rotation is on. */
export interface Renewal extends AccessToken {
  refreshToken: string | undefined;
}

/** Gets a fresh access token for a refresh token. @throws AppError needs_login when the grant is gone */
export type Exchange = (connection: Connection, refreshToken: string) => Promise<Renewal>;

interface Row {
  id: number;
  org_id: string;
  user_id: string;
  identity_url: string;
  login_url: string;
  instance_url: string;
  access_token: string;
  refresh_token: string;
  status: Connection['status'];
}

/** Keeps a new grant, in place of the one that this user gave before. */
export async function saveGrant(database: Queryable, sealer: Sealer, identity: Identity, grant: Grant): Promise<Connection> {
  const result = await database.query<Row>(
    `INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (org_id, user_id) DO UPDATE SET
       identity_url = excluded.identity_url, login_url = excluded.login_url, instance_url = excluded.instance_url,
       access_token = excluded.access_token, refresh_token = excluded.refresh_token, status = 'active', updated_at = now()
     RETURNING *`,
    [
      identity.orgId,
      identity.userId,
      grant.identityUrl,
      grant.loginUrl,
      grant.instanceUrl,
      sealer.seal(grant.accessToken, sealContext(identity, 'access_token')),
      sealer.seal(grant.refreshToken, sealContext(identity, 'refresh_token')),
    ],
  );
  return toConnection(onlyRow(result));
}

/** The connection of an identity, or undefined. */
export async function findConnection(database: Queryable, identity: Identity): Promise<Connection | undefined> {
  const { rows } = await database.query<Row>('SELECT * FROM connections WHERE org_id = $1 AND user_id = $2', [
    identity.orgId,
    identity.userId,
  ]);
  return rows[0] && toConnection(rows[0]);
}

/** The connections that are not waiting for a login. */
export async function activeConnections(database: Queryable): Promise<Connection[]> {
  const { rows } = await database.query<Row>(`SELECT * FROM connections WHERE status = 'active' ORDER BY id`);
  return rows.map(toConnection);
}

/** The current access token. @throws AppError needs_login when the grant is known to be gone */
export async function readAccessToken(database: Queryable, sealer: Sealer, connectionId: number): Promise<AccessToken> {
  const row = onlyRow(await database.query<Row>('SELECT * FROM connections WHERE id = $1', [connectionId]));
  if (row.status === 'needs_login') throw needsLogin();
  return openAccessToken(sealer, row);
}

/**
 * Gives an access token other than `stale`, which Salesforce refused: another worker's if one was got meanwhile, else a new one.
 * The row stays locked for the whole exchange, in every process: with rotation, a refresh token that is sent twice ends the grant.
 * The new tokens are committed before anyone uses them.
 */
export async function withFreshTokens(
  database: pg.Pool,
  sealer: Sealer,
  connectionId: number,
  stale: string,
  exchange: Exchange,
): Promise<AccessToken> {
  const outcome = await transaction(database, async (client) => {
    const row = onlyRow(await client.query<Row>('SELECT * FROM connections WHERE id = $1 FOR NO KEY UPDATE', [connectionId]));
    if (row.status === 'needs_login') return needsLogin();
    const current = openAccessToken(sealer, row);
    if (current.accessToken !== stale) return current;
    try {
      const refreshToken = sealer.open(row.refresh_token, sealContext(identityOf(row), 'refresh_token'));
      const renewal = await exchange(toConnection(row), refreshToken);
      await saveRenewal(client, sealer, row, renewal);
      return renewal;
    } catch (error) {
      if (!isAppError(error) || error.recovery !== 'reauthorize') throw error;
      // Committed, so that nobody else presents this grant again.
      await client.query(`UPDATE connections SET status = 'needs_login', updated_at = now() WHERE id = $1`, [connectionId]);
      return error;
    }
  });
  if (isAppError(outcome)) throw outcome;
  return { accessToken: outcome.accessToken, instanceUrl: outcome.instanceUrl };
}

async function saveRenewal(client: Queryable, sealer: Sealer, row: Row, renewal: Renewal): Promise<void> {
  const identity = identityOf(row);
  const accessToken = sealer.seal(renewal.accessToken, sealContext(identity, 'access_token'));
  const refreshToken = renewal.refreshToken && sealer.seal(renewal.refreshToken, sealContext(identity, 'refresh_token'));
  await client.query(
    `UPDATE connections SET access_token = $2, refresh_token = coalesce($3, refresh_token), instance_url = $4, updated_at = now()
     WHERE id = $1`,
    [row.id, accessToken, refreshToken ?? null, renewal.instanceUrl],
  );
}

function openAccessToken(sealer: Sealer, row: Row): AccessToken {
  return { accessToken: sealer.open(row.access_token, sealContext(identityOf(row), 'access_token')), instanceUrl: row.instance_url };
}

function identityOf(row: Row): Identity {
  return { orgId: row.org_id, userId: row.user_id };
}

function sealContext(identity: Identity, column: string): string {
  return `${identity.orgId}/${identity.userId}/${column}`;
}

function needsLogin(): AppError {
  return new AppError('needs_login', 'Salesforce no longer accepts this grant: call get_oauth_url and login_oauth_callback again.');
}

function toConnection(row: Row): Connection {
  return {
    id: row.id,
    orgId: row.org_id,
    userId: row.user_id,
    identityUrl: row.identity_url,
    loginUrl: row.login_url,
    status: row.status,
  };
}
