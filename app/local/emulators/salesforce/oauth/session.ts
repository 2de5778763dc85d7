import type { Middleware } from 'koa';
import { quotaExceededError, tooManyConcurrentError } from '../limits.ts';
import type { Parts } from '../parts.ts';
import { notFoundError, SalesforceError } from '../rest/salesforce-error.ts';
import { bearerToken } from './identity.ts';

export const OLDEST_VERSION = 31;
export const NEWEST_VERSION = 66;

export function invalidSessionError(): SalesforceError {
  return new SalesforceError(401, 'INVALID_SESSION_ID', 'Session expired or invalid');
}

/** Rejects requests without a valid session or a remaining API call; counts the others. */
export function requireSession({ grants, limits, faults }: Parts): Middleware {
  return async (context, next) => {
    const token = bearerToken(context);
    if (context.get('Authorization') && !token) throw new SalesforceError(401, 'INVALID_AUTH_HEADER', 'INVALID_HEADER_TYPE');
    if (!token || !grants.session(token)) throw invalidSessionError();
    const isUsedUp = limits.of('DailyApiRequests').Remaining <= 0;
    if (!isUsedUp) limits.use('DailyApiRequests');
    const { Max, Remaining } = limits.of('DailyApiRequests');
    context.set('Sforce-Limit-Info', `api-usage=${Max - Remaining}/${Max}`);
    const occasion = { method: context.method, url: context.url };
    if (isUsedUp || faults.take('quota', occasion)) throw quotaExceededError();
    if (faults.take('concurrent-requests', occasion)) throw tooManyConcurrentError();
    await next();
  };
}

/** Parses the version in the path, such as `66.0`, into `context.state.version`. Throws NOT_FOUND or UNSUPPORTED_API_VERSION. */
export const requireVersion: Middleware = async (context, next) => {
  const [, version] = /^\/services\/data\/v([^/]+)/.exec(context.path) ?? [];
  if (version === undefined) return next();
  const number = /^\d{2}\.0$/.test(version) ? Number(version) : 0;
  if (number >= 21 && number < OLDEST_VERSION)
    throw new SalesforceError(410, 'UNSUPPORTED_API_VERSION', `API version ${version} is no longer supported`);
  if (number < OLDEST_VERSION || number > NEWEST_VERSION) throw notFoundError();
  context.state.version = version;
  return next();
};

/** Formats errors as Salesforce does; a 401 sets a header and does not count as a call. */
export const salesforceErrors: Middleware = async (context, next) => {
  try {
    await next();
    if (context.status === 404 && context.body === undefined) throw notFoundError();
  } catch (error) {
    const known = error instanceof SalesforceError ? error : unexpected(error);
    context.status = known.status;
    if (known.status === 401) {
      context.set('WWW-Authenticate', 'Token');
      context.remove('Sforce-Limit-Info');
    }
    context.set('Content-Type', 'application/json;charset=UTF-8');
    context.body = JSON.stringify(known.body);
  }
};

function unexpected(error: unknown): SalesforceError {
  const reason = Error.isError(error) ? error.message : String(error);
  return new SalesforceError(
    500,
    'UNKNOWN_EXCEPTION',
    `An unexpected error occurred. Please include this ErrorId if you contact support: emulator (${reason})`,
  );
}
