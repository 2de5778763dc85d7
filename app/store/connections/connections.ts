import type { Identity } from '../../core/connections/identity.ts';
import type { LoginFlow } from '../../core/connections/login-flow.ts';
import { AppError } from '../../errors.ts';
import { onlyRow, type Queryable } from '../database.ts';
import type { Sealer } from '../seal.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** A Salesforce user's grant. Its tokens are read separately, only by the code that needs them. */
export interface Connection {
  id: number;
  orgId: string;
  userId: string;
  identityUrl: string;
  loginUrl: string;
  flow: LoginFlow;
  /** whom the assertions of the flow jwt_bearer name; null with other flows, until Salesforce has reported it */
  username: string | null;
  /** needs_login: its grant has ended; disconnected: an operator ended it. Both until its user logs in again */
  status: 'active' | 'needs_login' | 'disconnected';
  /** the share of its org's API calls up to which its runs may call; null: API_SHARE */
  apiShare: number | null;
}

/** Why a connection is not active. */
export interface ConnectionEnd {
  code: string;
  /** says what to do */
  message: string;
}

/** The credentials of a call to Salesforce. */
export interface AccessToken {
  accessToken: string;
  instanceUrl: string;
}

/** Salesforce's response to a login. */
export interface Grant extends AccessToken {
  identityUrl: string;
  loginUrl: string;
  /** the browser flow by default */
  flow?: LoginFlow;
  /** of the browser flow only */
  refreshToken?: string;
  /** of the flow jwt_bearer only */
  username?: string;
  /** separated by spaces; undefined: unknown */
  scope?: string | undefined;
  /** whether it is another program's login, which only a local service may use */
  trial?: boolean;
}

/** Salesforce's response to a renewal. */
export interface Renewal {
  accessToken: string;
  /** undefined: unchanged */
  instanceUrl: string | undefined;
  /** only if rotation is enabled */
  refreshToken: string | undefined;
}

/** The decrypted tokens of a connection, and the state of their renewal. */
export interface Tokens extends AccessToken {
  connection: Connection;
  /** undefined: the flow has none */
  refreshToken: string | undefined;
  /** the sealed access token, as stored in the row */
  sealed: string;
  /** whether a renewal is in progress */
  renewing: boolean;
  /** whether a renewal looked up the org's address in the last ten minutes */
  locatedRecently: boolean;
  /** it was renewed in the last five minutes because Salesforce refused the session */
  renewedRecently: boolean;
}

const CONNECTION_COLUMNS = 'id, org_id, user_id, identity_url, login_url, flow, username, status, api_share';

/** In place of a sealed refresh token, where the flow has none. */
const NO_REFRESH_TOKEN = '';

/** A row with its sealed tokens. */
type TokenRow = RowOf<Connection & AccessToken & { refreshToken: string; errorMessage: string | null; trial: boolean }>;

type RenewalRow = TokenRow & RowOf<Pick<Tokens, 'renewing' | 'locatedRecently' | 'renewedRecently'>>;

/** A renewal's request ends within two minutes, so a live process never sees its own claim expire. */
const RENEWING = 'coalesce(renewing_until > now(), false)';

/** Rate-limits lookups of the org's address at the login host during a long outage of an instance. */
const LOCATED_RECENTLY = `coalesce(located_at > now() - interval '10 minutes', false)`;

/** Whether a refused session was replaced recently. No Salesforce session times out within 15 minutes, so the org refuses them all. */
const RENEWED_RECENTLY = `coalesce(renewed_at > now() - interval '5 minutes', false)`;

/** A connection whose user has just logged in. */
export interface Granted extends Connection {
  /** its status before; null: it is new */
  statusBefore: Connection['status'] | null;
}

/** Stores a new grant and replaces the user's earlier one. A renewal of the earlier grant in progress will store nothing. */
export async function saveGrant(database: Queryable, sealer: Sealer, identity: Identity, grant: Grant): Promise<Granted> {
  const result = await database.query<RowOf<Granted>>(
    `INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token, scopes, flow, username,
       trial)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (org_id, user_id) DO UPDATE SET
       identity_url = excluded.identity_url, login_url = excluded.login_url, instance_url = excluded.instance_url,
       flow = excluded.flow, username = excluded.username, trial = excluded.trial, scopes = excluded.scopes,
       access_token = excluded.access_token, refresh_token = excluded.refresh_token,
       status = 'active', error_code = NULL, error_message = NULL, ended_at = NULL, updated_at = now(),
       renewing_by = NULL, renewing_until = NULL, located_at = NULL, renewed_at = NULL, granted_at = now()
     RETURNING ${CONNECTION_COLUMNS},
       (SELECT before.status FROM connections AS before WHERE before.org_id = $1 AND before.user_id = $2) AS status_before`,
    [
      identity.orgId,
      identity.userId,
      grant.identityUrl,
      grant.loginUrl,
      grant.instanceUrl,
      sealer.seal(grant.accessToken, sealContext(identity, 'access_token')),
      grant.refreshToken === undefined ? NO_REFRESH_TOKEN : sealer.seal(grant.refreshToken, sealContext(identity, 'refresh_token')),
      grant.scope ?? null,
      grant.flow ?? 'browser',
      grant.username ?? null,
      grant.trial ?? false,
    ],
  );
  return toRecord(onlyRow(result));
}

/** The connection of an identity, or undefined. */
export async function findConnection(database: Queryable, identity: Identity): Promise<Connection | undefined> {
  const { rows } = await database.query<RowOf<Connection>>(
    `SELECT ${CONNECTION_COLUMNS} FROM connections WHERE org_id = $1 AND user_id = $2`,
    [identity.orgId, identity.userId],
  );
  return rows[0] && toRecord(rows[0]);
}

/** The connection with this id, or undefined. */
export async function findConnectionById(database: Queryable, id: number): Promise<Connection | undefined> {
  const { rows } = await database.query<RowOf<Connection>>(`SELECT ${CONNECTION_COLUMNS} FROM connections WHERE id = $1`, [id]);
  return rows[0] && toRecord(rows[0]);
}

/** The connection with this alias, or undefined. */
export async function findConnectionByAlias(database: Queryable, alias: string): Promise<Connection | undefined> {
  const { rows } = await database.query<RowOf<Connection>>(`SELECT ${CONNECTION_COLUMNS} FROM connections WHERE alias = $1`, [alias]);
  return rows[0] && toRecord(rows[0]);
}

/** The connection with this id. */
export async function readConnection(database: Queryable, id: number): Promise<Connection> {
  const result = await database.query<RowOf<Connection>>(`SELECT ${CONNECTION_COLUMNS} FROM connections WHERE id = $1`, [id]);
  return toRecord(onlyRow(result));
}

/** The connections that do not need a login. */
export async function activeConnections(database: Queryable): Promise<Connection[]> {
  const { rows } = await database.query<RowOf<Connection>>(
    `SELECT ${CONNECTION_COLUMNS} FROM connections WHERE status = 'active' ORDER BY id`,
  );
  return rows.map(toRecord);
}

/**
 * The current access token.
 * @param trials whether to return that of a trial
 * @throws AppError needs_login if the grant is known to have ended; login_refused, deferred, for a trial
 */
export async function readAccessToken(database: Queryable, sealer: Sealer, connectionId: number, trials = true): Promise<AccessToken> {
  const row = onlyRow(await database.query<TokenRow>('SELECT * FROM connections WHERE id = $1', [connectionId]));
  if (row.trial && !trials) throw trialRefused();
  if (row.status !== 'active') throw needsLogin(row);
  return openAccessToken(sealer, row);
}

/** All tokens of a connection. @throws AppError needs_login if its grant has ended, unknown_token_key */
export async function readTokens(database: Queryable, sealer: Sealer, connectionId: number): Promise<Tokens> {
  const row = onlyRow(
    await database.query<RenewalRow>(
      `SELECT *, ${RENEWING} AS renewing, ${LOCATED_RECENTLY} AS located_recently, ${RENEWED_RECENTLY} AS renewed_recently
       FROM connections WHERE id = $1`,
      [connectionId],
    ),
  );
  if (row.status !== 'active') throw needsLogin(row);
  return {
    ...openAccessToken(sealer, row),
    refreshToken:
      row.refresh_token === NO_REFRESH_TOKEN ? undefined : sealer.open(row.refresh_token, sealContext(identityOf(row), 'refresh_token')),
    connection: toConnection(row),
    sealed: row.access_token,
    renewing: row.renewing,
    locatedRecently: row.located_recently,
    renewedRecently: row.renewed_recently,
  };
}

/**
 * Claims the renewal of a connection for three minutes.
 * @param tokens as read before: if they have been replaced since, the claim fails
 * @param id of the renewal
 * @param locating whether the renewal looks up the org's address
 * @returns false if another renewal is in progress or has just finished
 */
export async function claimRenewal(database: Queryable, { connection, sealed }: Tokens, id: string, locating: boolean): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE connections SET renewing_by = $2, renewing_until = now() + interval '3 minutes',
       located_at = CASE WHEN $3 THEN now() ELSE located_at END
     WHERE id = $1 AND status = 'active' AND access_token = $4 AND NOT ${RENEWING} AND NOT ($3 AND ${LOCATED_RECENTLY})`,
    [connection.id, id, locating, sealed],
  );
  return rowCount === 1;
}

/**
 * Stores the tokens of a renewal and ends it. Does nothing if the claim no longer exists: the renewal was already stored, or replaced.
 * @param refused whether the previous session was refused
 */
export async function saveRenewal(
  database: Queryable,
  sealer: Sealer,
  connection: Connection,
  id: string,
  { accessToken, refreshToken, instanceUrl }: Renewal,
  refused: boolean,
): Promise<void> {
  const seal = (text: string, column: string): string => sealer.seal(text, sealContext(connection, column));
  await database.query(
    `UPDATE connections SET access_token = $3, refresh_token = coalesce($4, refresh_token),
       rotations = rotations + ($4::text IS NOT NULL)::int, instance_url = coalesce($5, instance_url),
       renewed_at = CASE WHEN $6 THEN now() ELSE renewed_at END, renewing_by = NULL, renewing_until = NULL, updated_at = now()
     WHERE id = $1 AND renewing_by = $2`,
    [
      connection.id,
      id,
      seal(accessToken, 'access_token'),
      refreshToken === undefined ? null : seal(refreshToken, 'refresh_token'),
      instanceUrl ?? null,
      refused,
    ],
  );
}

/** Ends a renewal that returned no tokens. @param grantEnded why the grant itself has ended; undefined: it has not */
export async function endRenewal(
  database: Queryable,
  { id: connectionId }: Connection,
  id: string,
  grantEnded: ConnectionEnd | undefined,
): Promise<void> {
  await database.query(
    `UPDATE connections SET status = CASE WHEN $3::text IS NULL THEN 'active' ELSE 'needs_login' END, error_code = $3, error_message = $4,
       ended_at = CASE WHEN $3 IS NOT NULL THEN now() END, renewing_by = NULL, renewing_until = NULL, updated_at = now()
     WHERE id = $1 AND renewing_by = $2`,
    [connectionId, id, grantEnded?.code ?? null, grantEnded?.message ?? null],
  );
}

/**
 * Claims a connection for its end, as a renewal is claimed: no other renewal starts meanwhile. A login ends the claim.
 * @returns the connection as it is now; undefined if a renewal is in progress
 */
export async function claimEnd(database: Queryable, { id }: Connection, claim: string): Promise<Connection | undefined> {
  const { rows } = await database.query<RowOf<Connection>>(
    `UPDATE connections SET renewing_by = $2, renewing_until = now() + interval '3 minutes' WHERE id = $1 AND NOT ${RENEWING}
     RETURNING ${CONNECTION_COLUMNS}`,
    [id, claim],
  );
  return rows[0] && toRecord(rows[0]);
}

/** Gives up the claim of `claimEnd`. */
export async function releaseEnd(database: Queryable, { id }: Connection, claim: string): Promise<void> {
  await database.query('UPDATE connections SET renewing_by = NULL, renewing_until = NULL WHERE id = $1 AND renewing_by = $2', [id, claim]);
}

/**
 * The token whose revocation ends a connection's grant, even if that has ended already: the refresh token, or the access token if there is
 * none. Does not depend on the flow, which the previous release leaves unchanged at a login. Undefined if the tokens were forgotten.
 * @throws AppError unknown_token_key
 */
export async function readRevocableToken(database: Queryable, sealer: Sealer, connection: Connection): Promise<string | undefined> {
  const result = await database.query<Pick<TokenRow, 'refresh_token' | 'access_token'>>(
    'SELECT refresh_token, access_token FROM connections WHERE id = $1',
    [connection.id],
  );
  const row = onlyRow(result);
  const column = row.refresh_token === NO_REFRESH_TOKEN ? 'access_token' : 'refresh_token';
  return row[column] === '' ? undefined : sealer.open(row[column], sealContext(connection, column));
}

function openAccessToken(sealer: Sealer, row: TokenRow): AccessToken {
  return { accessToken: sealer.open(row.access_token, sealContext(identityOf(row), 'access_token')), instanceUrl: row.instance_url };
}

function identityOf(row: TokenRow): Identity {
  return { orgId: row.org_id, userId: row.user_id };
}

function sealContext(identity: Identity, column: string): string {
  return `${identity.orgId}/${identity.userId}/${column}`;
}

/** @param row without a message if an earlier release ended it */
function needsLogin({ error_message, flow }: Pick<TokenRow, 'error_message' | 'flow'>): AppError {
  const what =
    flow === 'browser'
      ? 'Salesforce no longer accepts this grant. Call get_oauth_url and login_oauth_callback again.'
      : 'The External Client App no longer acts as the user of this connection. Connect again with POST /v1/connections.';
  return new AppError('needs_login', error_message ?? what);
}

function trialRefused(): AppError {
  const message =
    'This connection is a trial with the login of the Salesforce CLI, which only npm start uses. Connect the org with an External Client App: call get_oauth_url and login_oauth_callback.';
  return new AppError('login_refused', message, { recovery: 'defer' });
}

/** Without the sealed tokens. */
function toConnection({ id, org_id, user_id, identity_url, login_url, flow, username, status, api_share }: TokenRow): Connection {
  return toRecord({ id, org_id, user_id, identity_url, login_url, flow, username, status, api_share });
}
