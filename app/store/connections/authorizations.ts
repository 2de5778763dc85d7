import type { LoginResult } from '../../core/connections/login-result.ts';
import type { Queryable } from '../database.ts';
import type { Sealer } from '../seal.ts';

/** How long a user may take from the authorize URL to the callback. */
const LIFETIME_MINUTES = 10;

/** How long the result of a browser's login can be shown. */
const RESULT_MINUTES = 10;

/** How long completing a login may take: longer than the exchange of its code. */
const COMPLETION_SECONDS = 60;

/** Who opened a login, and alone may complete it: the caller with an API key of this name, or the browser with this cookie. */
export type LoginOwner = { apiKey: string } | { browserHash: Buffer };

/** A login to open. */
export type NewAuthorization = Omit<Authorization, 'id'>;

/** A login in progress: a user was sent to Salesforce. */
export interface Authorization {
  id: string;
  state: string;
  redirectUri: string;
  loginUrl: string;
  codeVerifier: string;
  /** of the connect link that opened it; null: none did */
  linkHash: Buffer | null;
}

interface Row {
  id: string;
  state: string;
  redirect_uri: string;
  login_url: string;
  code_verifier: string;
  link_hash: Buffer | null;
}

/** Stores a new login. */
export async function startAuthorization(
  database: Queryable,
  sealer: Sealer,
  owner: LoginOwner,
  { state, redirectUri, loginUrl, codeVerifier, linkHash }: NewAuthorization,
): Promise<void> {
  await database.query(`DELETE FROM authorizations WHERE expires_at < now() - $1 * interval '1 minute'`, [RESULT_MINUTES]);
  await database.query(
    `INSERT INTO authorizations (state, redirect_uri, login_url, code_verifier, expires_at, link_hash, api_key, browser_hash)
     VALUES ($1, $2, $3, $4, now() + $5 * interval '1 minute', $6, $7, $8)`,
    [state, redirectUri, loginUrl, sealer.seal(codeVerifier, state), LIFETIME_MINUTES, linkHash, ...ownerColumns(owner)],
  );
}

/**
 * The open logins of an owner for a redirect URI, or only that with this state. Leaves out those whose verifier cannot be unsealed: their
 * key was removed from TOKEN_KEYS, so no caller can complete them.
 */
export async function openAuthorizations(
  database: Queryable,
  sealer: Sealer,
  owner: LoginOwner,
  redirectUri: string,
  state: string | undefined,
): Promise<Authorization[]> {
  // By authorizations_by_redirect_uri.
  const { rows } = await database.query<Row>(
    `SELECT id, state, redirect_uri, login_url, code_verifier, link_hash FROM authorizations
     WHERE redirect_uri = $1 AND state = coalesce($2, state) AND (api_key = $3 OR browser_hash = $4)
       AND used_at IS NULL AND expires_at > now()`,
    [redirectUri, state ?? null, ...ownerColumns(owner)],
  );
  return rows.flatMap((row) => {
    const codeVerifier = unsealOrUndefined(sealer, row);
    return codeVerifier === undefined
      ? []
      : [{ id: row.id, state: row.state, redirectUri: row.redirect_uri, loginUrl: row.login_url, codeVerifier, linkHash: row.link_hash }];
  });
}

/** Ends an open login, whose verifier may be used once. @returns false if another callback was faster */
export async function useAuthorization(database: Queryable, { state }: Authorization): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE authorizations SET used_at = now(), expires_at = now(), code_verifier = '' WHERE state = $1 AND used_at IS NULL`,
    [state],
  );
  return rowCount === 1;
}

/** The id of a login that this browser has used; undefined if there is none. */
export async function findUsedAuthorization(database: Queryable, state: string, browserHash: Buffer): Promise<string | undefined> {
  const { rows } = await database.query<{ id: string }>(
    'SELECT id FROM authorizations WHERE state = $1 AND browser_hash = $2 AND used_at IS NOT NULL',
    [state, browserHash],
  );
  return rows[0]?.id;
}

/** Stores what a used login led to, once. */
export async function saveResult(database: Queryable, { state }: Authorization, result: LoginResult): Promise<void> {
  await database.query('UPDATE authorizations SET result = $2 WHERE state = $1 AND result IS NULL', [state, JSON.stringify(result)]);
}

/** What a login that this browser has used led to: `unfinished` while it is being completed, undefined if there is none. */
export async function findResult(database: Queryable, id: string, browserHash: Buffer): Promise<LoginResult | 'unfinished' | undefined> {
  const { rows } = await database.query<{ result: LoginResult | null; unfinished: boolean }>(
    `SELECT result, result IS NULL AND used_at > now() - $3 * interval '1 second' AS unfinished FROM authorizations
     WHERE id = $1 AND browser_hash = $2 AND used_at IS NOT NULL`,
    [id, browserHash, COMPLETION_SECONDS],
  );
  const [row] = rows;
  return row?.unfinished ? 'unfinished' : (row?.result ?? undefined);
}

function unsealOrUndefined(sealer: Sealer, row: Row): string | undefined {
  try {
    return sealer.open(row.code_verifier, row.state);
  } catch {
    return undefined;
  }
}

function ownerColumns(owner: LoginOwner): [apiKey: string | null, browserHash: Buffer | null] {
  return 'apiKey' in owner ? [owner.apiKey, null] : [null, owner.browserHash];
}
