import { createHmac } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Router } from '@koa/router';
import Koa, { type Context } from 'koa';
import { authorizePage } from './authorize-page.ts';
import { type ClientApp, checkClientId, checkClientSecret, isRegistered } from './client-app.ts';
import { commonHeaders, httpFaults } from './common-headers.ts';
import { DEFAULT_SCOPE, type Grant, SCOPES } from './grants.ts';
import { identity, identityUrl } from './identity.ts';
import { OAuthError } from './oauth-error.ts';
import type { Parts } from './parts.ts';
import { readBody, replyJson } from './reply.ts';

/** A refresh takes this long, so that two at once do meet. */
const REFRESH_MS = 50;

/** The login host: authorize page, token endpoint, revoke, identity. */
export function loginHost(parts: Parts, app: ClientApp): Koa {
  const { grants, urls } = parts;
  const router = new Router();
  router.get('/services/oauth2/authorize', (context) => showAuthorizePage(context));
  router.post('/services/oauth2/authorize', (context) => decide(context));
  router.post('/services/oauth2/token', (context) => token(context));
  router.post('/services/oauth2/revoke', (context) => revoke(context));
  router.get('/id/:org/:user', (context) => identity(context, parts, context.params));
  const koa = new Koa();
  koa.silent = true;
  koa
    .use(commonHeaders(() => new Date()))
    .use(httpFaults(parts.faults))
    .use(router.routes());
  return koa;

  function showAuthorizePage(context: Context): void {
    const parameters = Object.fromEntries(new URLSearchParams(context.querystring));
    if (!mayAsk(context, parameters)) return;
    context.type = 'html';
    context.body = authorizePage(parameters);
  }

  async function decide(context: Context): Promise<void> {
    const { decision, ...parameters } = Object.fromEntries(new URLSearchParams(await readBody(context.req)));
    if (!mayAsk(context, parameters)) return;
    if (decision !== 'allow') {
      sendBack(context, parameters, { error: 'access_denied', error_description: 'end-user denied authorization' });
      return;
    }
    const { redirect_uri: redirectUri = '', scope = DEFAULT_SCOPE, code_challenge: codeChallenge = '' } = parameters;
    sendBack(context, parameters, { code: grants.issueCode({ redirectUri, scope, codeChallenge }) });
  }

  /** Answers with bare text, or sends the user back with an error, where the app asks for what it cannot have. */
  function mayAsk(context: Context, parameters: Record<string, string>): boolean {
    const {
      client_id: clientId,
      redirect_uri: redirectUri = '',
      response_type: responseType,
      code_challenge: challenge,
      scope,
    } = parameters;
    if (clientId !== app.clientId) return refuse(context, 'invalid_client_id', 'client identifier invalid');
    if (!isRegistered(redirectUri)) return refuse(context, 'redirect_uri_mismatch', 'redirect_uri must match configuration');
    if (responseType !== 'code') {
      sendBack(context, parameters, { error: 'unsupported_response_type', error_description: 'response type is not supported' });
      return false;
    }
    if (!challenge) return refuse(context, 'invalid_request', 'missing required code challenge');
    const unknown = scope?.split(/\s+/).find((name) => !SCOPES.includes(name));
    if (unknown === undefined) return true;
    sendBack(context, parameters, { error: 'invalid_scope', error_description: 'the requested scope is not allowed' });
    return false;
  }

  async function token(context: Context): Promise<void> {
    context.set({ 'Cache-Control': 'no-cache, no-store', Pragma: 'no-cache' });
    try {
      const form = withBasicCredentials(context, Object.fromEntries(new URLSearchParams(await readBody(context.req))));
      replyJson(context, await exchange(form));
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error;
      replyJson(context, { error: error.code, error_description: error.message }, 400);
    }
  }

  async function exchange(form: Record<string, string>): Promise<object> {
    checkClientId(app, form.client_id);
    checkClientSecret(app, form.client_secret);
    if (form.grant_type === 'authorization_code') {
      const grant = grants.redeemCode(form.code ?? '', form.redirect_uri ?? '', form.code_verifier);
      return tokenReply(grant, mayRefresh(grant) ? grants.refreshToken(grant) : undefined);
    }
    if (form.grant_type === 'refresh_token') {
      const grant = grants.beginRefresh(form.refresh_token ?? '');
      await setTimeout(REFRESH_MS);
      return tokenReply(grant, grants.finishRefresh(grant));
    }
    throw new OAuthError('unsupported_grant_type', 'grant type not supported');
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

  async function revoke(context: Context): Promise<void> {
    const form = new URLSearchParams(await readBody(context.req));
    if (grants.revoke(form.get('token') ?? '')) context.body = '';
    else replyJson(context, { error: 'invalid_token', error_description: 'invalid token' }, 400);
  }
}

function mayRefresh(grant: Grant): boolean {
  return /\b(refresh_token|offline_access)\b/.test(grant.scope);
}

/** The authorize endpoint's own errors are bare text: the app's callback is not to be trusted yet. */
function refuse(context: Context, error: string, description: string): false {
  context.status = 400;
  context.set('Content-Type', '');
  context.body = `error=${error}&error_description=${encodeURIComponent(description)}`;
  return false;
}

function sendBack(context: Context, parameters: Record<string, string>, answer: Record<string, string>): void {
  const target = new URL(parameters.redirect_uri ?? '');
  for (const [name, value] of Object.entries(answer)) target.searchParams.set(name, value);
  if (parameters.state !== undefined) target.searchParams.set('state', parameters.state);
  context.redirect(target.href);
}

function withBasicCredentials(context: Context, form: Record<string, string>): Record<string, string> {
  const [, basic] = /^Basic (.+)$/i.exec(context.get('Authorization')) ?? [];
  if (!basic) return form;
  const [clientId = '', clientSecret = ''] = Buffer.from(basic, 'base64').toString('utf8').split(':');
  return { client_id: decodeURIComponent(clientId), client_secret: decodeURIComponent(clientSecret), ...form };
}
