import { createHash, createHmac, randomBytes } from 'node:crypto';
import { OAuthError } from './oauth-error.ts';

const CODE_LIFE_MS = 15 * 60_000;
/** A sixth grant of one user ends the oldest one. */
const MAX_GRANTS = 5;
/** The default scopes of an app that requests none. */
export const DEFAULT_SCOPE = 'refresh_token api id';
export const SCOPES = ['api', 'refresh_token', 'offline_access', 'id', 'openid', 'full', 'web', 'profile', 'email'];

/** What the user agreed to on the authorize page. */
export interface Consent {
  redirectUri: string;
  scope: string;
  codeChallenge: string;
}

export interface Grant {
  key: string;
  scope: string;
  /** Incremented by each rotation: only a refresh token of this generation is valid. */
  generation: number;
  refreshing: boolean;
}

/** The part of the grants that survives a restart. */
export interface GrantsState {
  approved: boolean;
  open: Omit<Grant, 'refreshing'>[];
  /** keys of ended grants: their refresh tokens never become valid again */
  ended: string[];
}

interface Session {
  grant: Grant;
  issued: number;
  expires: number;
}

/** What introspection returns for a valid token; times in seconds since 1970. */
export interface Introspection {
  scope: string;
  token_type: 'access_token' | 'refresh_token';
  iat?: number;
  nbf?: number;
  exp?: number;
}

/** Codes, grants, refresh tokens and sessions. They all use real time. */
export class Grants {
  readonly #orgId: string;
  readonly #secret: string;
  readonly #rotate: boolean;
  readonly #sessionMs: number;
  readonly #codes = new Map<string, Consent & { expires: number }>();
  readonly #grants = new Map<string, Grant>();
  readonly #ended = new Set<string>();
  readonly #sessions = new Map<string, Session>();

  /** Every code, verifier and token so far, for tests that search for them. */
  readonly secrets = new Set<string>();

  #approved: boolean;

  constructor(options: { orgId: string; secret: string; rotate: boolean; sessionMinutes: number; preauthorized: boolean }) {
    this.#approved = options.preauthorized;
    this.#orgId = options.orgId;
    this.#secret = options.secret;
    this.#rotate = options.rotate;
    this.#sessionMs = options.sessionMinutes * 60_000;
  }

  get state(): GrantsState {
    const open = [...this.#grants.values()].map(({ key, scope, generation }) => ({ key, scope, generation }));
    return { approved: this.#approved, open, ended: [...this.#ended] };
  }

  /** Restores the grants of a previous process. */
  restore({ approved, open, ended }: GrantsState): void {
    this.#approved ||= approved;
    for (const key of ended) this.#ended.add(key);
    for (const { key, scope, generation } of open) this.#open(key, scope, generation);
  }

  /** A code for one exchange, valid for 15 minutes. */
  issueCode(consent: Consent): string {
    this.#approved = true;
    const code = `aPrx${randomBytes(40).toString('base64url')}==`;
    this.#codes.set(code, { ...consent, expires: Date.now() + CODE_LIFE_MS });
    this.secrets.add(code);
    return code;
  }

  /** Exchanges a code. Throws invalid_grant, redirect_uri_mismatch or invalid_request. */
  redeemCode(code: string, redirectUri: string, verifier: string | undefined): Grant {
    const consent = this.#codes.get(code);
    this.#codes.delete(code);
    if (verifier) this.secrets.add(verifier);
    if (!consent || consent.expires < Date.now()) throw new OAuthError('invalid_grant', 'expired authorization code');
    if (consent.redirectUri !== redirectUri) throw new OAuthError('redirect_uri_mismatch', 'redirect_uri must match configuration');
    if (!verifier) throw new OAuthError('invalid_grant', 'missing required code verifier');
    if (challengeOf(verifier) !== consent.codeChallenge) throw new OAuthError('invalid_request', 'invalid code verifier');
    return this.#open(randomBytes(12).toString('base64url'), consent.scope);
  }

  /** Whether the user, or an admin for all users, ever approved the app. */
  get isApproved(): boolean {
    return this.#approved;
  }

  /** A grant for one session, without a refresh token; does not count toward the five. */
  grantWithoutUser(scope: string): Grant {
    return { key: randomBytes(12).toString('base64url'), scope, generation: 0, refreshing: false };
  }

  /** A new access token, prefixed with the org id as real ones are. */
  openSession(grant: Grant): string {
    const token = `${this.#orgId.slice(0, 15)}!${randomBytes(72).toString('base64url')}`;
    const issued = Date.now();
    this.secrets.add(token);
    this.#sessions.set(token, { grant, issued, expires: issued + this.#sessionMs });
    return token;
  }

  /** The grant of a valid access token; using it extends the session. */
  session(token: string): Grant | undefined {
    const session = this.#sessions.get(token);
    if (!session || session.expires <= Date.now()) {
      this.#sessions.delete(token);
      return undefined;
    }
    session.expires = Date.now() + this.#sessionMs;
    return session.grant;
  }

  /** Details of a valid token. Introspection does not extend the session. */
  introspect(token: string): Introspection | undefined {
    const session = this.#sessions.get(token);
    if (session && session.expires > Date.now()) {
      const [issued, expires] = [session.issued, session.expires].map((at) => Math.floor(at / 1000)) as [number, number];
      return { scope: session.grant.scope, token_type: 'access_token', iat: issued, nbf: issued, exp: expires };
    }
    const [key, generation] = this.#read(token) ?? [];
    const grant = key === undefined ? undefined : this.#grants.get(key);
    return grant && grant.generation === generation ? { scope: grant.scope, token_type: 'refresh_token' } : undefined;
  }

  refreshToken(grant: Grant): string {
    const payload = `${grant.key}.${grant.generation}`;
    const token = `5Aep861${payload}.${this.#sign(payload)}`;
    this.secrets.add(token);
    return token;
  }

  /**
   * The grant of a refresh token, marked as being refreshed until `finishRefresh`.
   * A token that was rotated out ends the whole grant. Throws invalid_grant.
   */
  startRefresh(token: string): Grant {
    const [key, generation] = this.#read(token) ?? [];
    const grant = key === undefined || generation === undefined ? undefined : (this.#grants.get(key) ?? this.#remembered(key, generation));
    if (!grant) throw expired();
    if (grant.refreshing) throw new OAuthError('invalid_grant', 'token request is already being processed');
    if (grant.generation !== generation) {
      this.#end(grant);
      throw expired();
    }
    grant.refreshing = true;
    return grant;
  }

  /** Returns the new refresh token if tokens rotate. Throws if the grant was revoked in the meantime. */
  finishRefresh(grant: Grant): string | undefined {
    grant.refreshing = false;
    if (!this.#grants.has(grant.key)) throw expired();
    if (!this.#rotate) return undefined;
    grant.generation++;
    return this.refreshToken(grant);
  }

  /** Ends a session (access token) or a grant with its sessions (refresh token). Returns whether there was one. */
  revoke(token: string): boolean {
    if (this.#sessions.delete(token)) return true;
    const [key] = this.#read(token) ?? [];
    const grant = key === undefined ? undefined : this.#grants.get(key);
    if (grant) this.#end(grant);
    return grant !== undefined;
  }

  /** Ends every session at once; refresh tokens stay valid. */
  expireSessions(): void {
    this.#sessions.clear();
  }

  expireSession(token: string): void {
    this.#sessions.delete(token);
  }

  #open(key: string, scope: string, generation = 0): Grant {
    const grant: Grant = { key, scope, generation, refreshing: false };
    this.#grants.set(key, grant);
    for (const oldest of [...this.#grants.values()].slice(0, -MAX_GRANTS)) this.#end(oldest);
    return grant;
  }

  /** Real grants survive a restart of our process, so a token that an earlier process signed is valid. */
  #remembered(key: string, generation: number): Grant | undefined {
    if (this.#ended.has(key)) return undefined;
    this.#approved = true;
    return this.#open(key, DEFAULT_SCOPE, generation);
  }

  #end(grant: Grant): void {
    this.#grants.delete(grant.key);
    this.#ended.add(grant.key);
    for (const [token, session] of this.#sessions) if (session.grant === grant) this.#sessions.delete(token);
  }

  #read(token: string): [string, number] | undefined {
    const [key, generation, signature] = token.replace(/^5Aep861/, '').split('.');
    if (!key || !generation || signature !== this.#sign(`${key}.${generation}`)) return undefined;
    return [key, Number(generation)];
  }

  #sign(payload: string): string {
    return createHmac('sha256', this.#secret).update(payload).digest('base64url');
  }
}

/** base64url(SHA-256(verifier)), the only supported method. */
function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

function expired(): OAuthError {
  return new OAuthError('invalid_grant', 'expired access/refresh token');
}
