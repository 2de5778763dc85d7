import type pg from 'pg';
import { type Queryable, transaction } from './database.ts';
import type { Sealer } from './seal.ts';

/** How long a user may take from the authorize URL to the callback. */
const LIFETIME_MINUTES = 60;

/** Any number that no other advisory lock of ours uses. */
const AUTHORIZATION_LOCK = 0x5f_b9_03;

/** A login in progress: a user was sent to Salesforce. */
export interface Authorization {
  state: string;
  redirectUri: string;
  loginUrl: string;
  codeVerifier: string;
}

interface Row {
  state: string;
  redirect_uri: string;
  login_url: string;
  code_verifier: string;
}

/**
 * Stores a new authorization. It reuses the verifier of an open one for the same redirect URI and login host: the API's callback has no
 * `state`, so the code of any of the open URLs must match.
 */
export async function startAuthorization(database: pg.Pool, sealer: Sealer, wanted: Authorization): Promise<Authorization> {
  return await transaction(database, async (client) => {
    // Serialize, otherwise two concurrent calls would not see each other's verifier.
    await client.query('SELECT pg_advisory_xact_lock($1)', [AUTHORIZATION_LOCK]);
    await client.query('DELETE FROM authorizations WHERE expires_at < now()');
    const open = await newest(client, wanted.redirectUri, wanted.loginUrl);
    const codeVerifier = open ? openVerifier(sealer, open) : wanted.codeVerifier;
    await client.query(
      `INSERT INTO authorizations (state, redirect_uri, login_url, code_verifier, expires_at)
       VALUES ($1, $2, $3, $4, now() + $5 * interval '1 minute')`,
      [wanted.state, wanted.redirectUri, wanted.loginUrl, sealer.seal(codeVerifier, wanted.state), LIFETIME_MINUTES],
    );
    return { ...wanted, codeVerifier };
  });
}

/** The open authorization of a state or, without a state, the newest of the redirect URI; undefined if there is none. */
export async function findAuthorization(
  database: Queryable,
  sealer: Sealer,
  redirectUri: string,
  state: string | undefined,
): Promise<Authorization | undefined> {
  const row = await (state === undefined ? newest(database, redirectUri) : byState(database, redirectUri, state));
  return row && { state: row.state, redirectUri, loginUrl: row.login_url, codeVerifier: openVerifier(sealer, row) };
}

/** Deletes a completed authorization. */
export async function deleteAuthorization(database: Queryable, ended: Authorization): Promise<void> {
  await database.query('DELETE FROM authorizations WHERE state = $1', [ended.state]);
}

async function newest(database: Queryable, redirectUri: string, loginUrl?: string): Promise<Row | undefined> {
  const { rows } = await database.query<Row>(
    `SELECT * FROM authorizations WHERE redirect_uri = $1 AND login_url = coalesce($2, login_url) AND expires_at > now()
     ORDER BY created_at DESC LIMIT 1`,
    [redirectUri, loginUrl ?? null],
  );
  return rows[0];
}

async function byState(database: Queryable, redirectUri: string, state: string): Promise<Row | undefined> {
  const { rows } = await database.query<Row>('SELECT * FROM authorizations WHERE state = $1 AND redirect_uri = $2 AND expires_at > now()', [
    state,
    redirectUri,
  ]);
  return rows[0];
}

function openVerifier(sealer: Sealer, row: Row): string {
  return sealer.open(row.code_verifier, row.state);
}
