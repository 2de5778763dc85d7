import { Router } from '@koa/router';
import Koa, { type Context, type Middleware } from 'koa';
import { localOnly } from '../local-only.ts';
import type { Parts } from '../parts.ts';
import { commonHeaders } from '../rest/common-headers.ts';
import { injectHttpFaults } from '../rest/inject-http-faults.ts';
import { readBody, replyJson } from '../rest/reply.ts';
import { authorizePage } from './authorize-page.ts';
import { type ClientApp, isKnown, isRegistered } from './client-app.ts';
import { DEFAULT_SCOPE, SCOPES } from './grants.ts';
import { identity } from './identity.ts';
import { introspectEndpoint, tokenEndpoint } from './token-endpoint.ts';

/** The login host, which is a My Domain: authorize page, token endpoint, introspection, revoke, identity. */
export function loginHost(parts: Parts, app: ClientApp): Koa {
  const { grants } = parts;
  const router = new Router();
  router.get('/services/oauth2/authorize', (context) => showAuthorizePage(context));
  router.post('/services/oauth2/authorize', (context) => decide(context));
  router.post('/services/oauth2/token', tokenEndpoint(parts, app));
  router.post('/services/oauth2/introspect', introspectEndpoint(parts, app));
  router.post('/services/oauth2/revoke', (context) => revoke(context));
  router.get('/id/:org/:user', (context) => identity(context, parts, context.params));
  const koa = new Koa();
  koa.silent = true;
  koa
    .use(localOnly)
    .use(commonHeaders(() => new Date()))
    .use(injectHttpFaults(parts.faults))
    .use(keepGrants(parts))
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

  /** Returns a plain-text error, or redirects the user back with an error, if the app's request is invalid. */
  function mayAsk(context: Context, parameters: Record<string, string>): boolean {
    const {
      client_id: clientId,
      redirect_uri: redirectUri = '',
      response_type: responseType,
      code_challenge: challenge,
      scope,
    } = parameters;
    if (!isKnown(app, clientId)) return refuse(context, 'invalid_client_id', 'client identifier invalid');
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

  async function revoke(context: Context): Promise<void> {
    const form = new URLSearchParams(await readBody(context.req));
    if (grants.revoke(form.get('token') ?? '')) context.body = '';
    else replyJson(context, { error: 'invalid_token', error_description: 'invalid token' }, 400);
  }
}

/** Real Salesforce keeps its codes and grants across our restarts. */
function keepGrants({ grants, journal }: Parts): Middleware {
  return async (_context, next) => {
    try {
      await next();
    } finally {
      journal.recordGrants(grants.state);
    }
  };
}

/** The authorize endpoint's own errors are plain text, because the callback is not trusted yet. */
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
