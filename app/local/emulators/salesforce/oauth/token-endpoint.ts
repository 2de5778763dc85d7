import { createHmac } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Context } from 'koa';
import { USERNAME } from '../objects/user.ts';
import type { Parts } from '../parts.ts';
import { readBody, replyJson } from '../rest/reply.ts';
import { type ClientApp, checkClientId, checkClientSecret } from './client-app.ts';
import { type Grant, SCOPES } from './grants.ts';
import { identityUrl } from './identity.ts';
import { readAssertion } from './jwt-assertion.ts';
import { OAuthError } from './oauth-error.ts';

/** A refresh takes this long, so that two concurrent ones overlap. */
const REFRESH_MS = 50;
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** The scopes that a session without a refresh token can have. */
const UNATTENDED_SCOPE = 'api id';
const NEVER_UNATTENDED = ['full', 'web', 'refresh_token', 'offline_access'];

type Form = Record<string, string>;
type Exchange = (form: Form) => Promise<object> | object;

/** Exchanges codes, refresh tokens, assertions and the app's own credentials for access tokens. */
export function tokenEndpoint(parts: Parts, app: ClientApp): (context: Context) => Promise<void> {
  const { grants, urls } = parts;
  const exchanges: Record<string, Exchange> = {
    authorization_code: redeemCode,
    refresh_token: refresh,
    client_credentials: runAsUser,
    [JWT_BEARER]: speakFor,
  };

  return async (context) => {
    context.set({ 'Cache-Control': 'no-cache, no-store', Pragma: 'no-cache' });
    try {
      const form = await readForm(context);
      const exchange = exchanges[form.grant_type ?? ''];
      if (!exchange) throw new OAuthError('unsupported_grant_type', 'grant type not supported');
      replyJson(context, await exchange(form));
    } catch (error) {
      replyOAuthError(context, error);
    }
  };

  function redeemCode(form: Form): object {
    checkClient(form);
    const grant = grants.redeemCode(form.code ?? '', form.redirect_uri ?? '', form.code_verifier);
    return tokenReply(grant, mayRefresh(grant) ? grants.refreshToken(grant) : undefined);
  }

  async function refresh(form: Form): Promise<object> {
    checkClient(form);
    const grant = grants.startRefresh(form.refresh_token ?? '');
    await setTimeout(REFRESH_MS);
    return tokenReply(grant, grants.finishRefresh(grant));
  }

  /** Client credentials: the app acts as its configured run-as user. No refresh token. */
  function runAsUser(form: Form): object {
    checkClientId(app, form.client_id);
    checkClientSecret({ ...app, secretIsRequired: true }, form.client_secret);
    if (!app.hasRunAsUser) throw new OAuthError('invalid_grant', 'no client credentials user enabled');
    const requested = form.scope?.split(/\s+/) ?? [];
    if (requested.some((name) => !SCOPES.includes(name))) throw new OAuthError('invalid_scope', 'the requested scope is not allowed');
    const allowed = requested.filter((name) => !NEVER_UNATTENDED.includes(name));
    return tokenReply(grants.grantWithoutUser(allowed.join(' ') || UNATTENDED_SCOPE), undefined);
  }

  /** JWT bearer: the user, or an admin for all users, must have approved the app before. No refresh token. */
  function speakFor(form: Form): object {
    const { clientId, username } = readAssertion(form.assertion ?? '', parts.jwtKey, urls.login);
    checkClientId(app, clientId);
    if (username !== USERNAME || !grants.isApproved) throw new OAuthError('invalid_grant', "user hasn't approved this consumer");
    return tokenReply(grants.grantWithoutUser(UNATTENDED_SCOPE), undefined);
  }

  function checkClient(form: Form): void {
    checkClientId(app, form.client_id);
    // The CLI's app has no secret.
    if (form.client_id === app.clientId) checkClientSecret(app, form.client_secret);
  }

  function tokenReply(grant: Grant, refreshToken: string | undefined): object {
    const id = identityUrl(parts);
    const issuedAt = String(Date.now());
    return {
      access_token: grants.openSession(grant),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
      signature: createHmac('sha256', app.clientSecret)
        .update(id + issuedAt)
        .digest('base64'),
      scope: grant.scope,
      instance_url: urls.instance,
      id,
      token_type: 'Bearer',
      issued_at: issuedAt,
      api_instance_url: urls.instance,
      token_format: 'opaque',
    };
  }
}

/** Reports to an authenticated app whether a token is valid, and until when. */
export function introspectEndpoint(parts: Parts, app: ClientApp): (context: Context) => Promise<void> {
  return async (context) => {
    try {
      const form = await readForm(context);
      checkClientId(app, form.client_id);
      checkClientSecret({ ...app, secretIsRequired: true }, form.client_secret);
      const session = parts.grants.introspect(form.token ?? '');
      const user = { client_id: app.clientId, username: USERNAME, sub: identityUrl(parts) };
      replyJson(context, session ? { active: true, ...user, ...session } : { active: false });
    } catch (error) {
      replyOAuthError(context, error);
    }
  };
}

function mayRefresh(grant: Grant): boolean {
  return /\b(refresh_token|offline_access)\b/.test(grant.scope);
}

function replyOAuthError(context: Context, error: unknown): void {
  if (!(error instanceof OAuthError)) throw error;
  replyJson(context, { error: error.code, error_description: error.message }, 400);
}

/** The app's credentials may be sent in the form or in a Basic header. */
async function readForm(context: Context): Promise<Form> {
  const form = Object.fromEntries(new URLSearchParams(await readBody(context.req)));
  const [, basic] = /^Basic (.+)$/i.exec(context.get('Authorization')) ?? [];
  if (!basic) return form;
  const [clientId = '', clientSecret = ''] = Buffer.from(basic, 'base64').toString('utf8').split(':');
  return { client_id: decodeURIComponent(clientId), client_secret: decodeURIComponent(clientSecret), ...form };
}
