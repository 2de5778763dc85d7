import type { Context } from '../../context.ts';
import type { LoginResult } from '../../core/connections/login-result.ts';
import { redactMessage } from '../../core/redact.ts';
import { AppError, isAppError } from '../../errors.ts';
import { explainLoginError } from '../../salesforce/login-help.ts';
import { LoginRefusal } from '../../salesforce/login-refusal.ts';
import {
  type Authorization,
  findUsedAuthorization,
  openAuthorizations,
  saveResult,
  useAuthorization,
} from '../../store/connections/authorizations.ts';
import { findConnectLink } from '../../store/connections/connect-links.ts';
import { completeLogin, type LoginAnswer } from './login.ts';

/** Where Salesforce sends the browser back to, below the service's address. */
export const CALLBACK_PATH = '/oauth/callback';

/**
 * Completes a login of a browser and stores what it led to, success or failure.
 * @returns the id of the login, for `findResult`; undefined if this browser has no login with this state
 * @throws AppError store_unavailable
 */
export async function finishBrowserLogin(
  context: Context,
  redirectUri: string,
  state: string,
  answer: LoginAnswer,
  browserHash: Buffer,
): Promise<string | undefined> {
  const { database, sealer } = context;
  const [login] = await openAuthorizations(database, sealer, { browserHash }, redirectUri, state);
  // A browser may send the same callback again, for example when its page is reloaded.
  if (!login || !(await useAuthorization(database, login))) return await findUsedAuthorization(database, state, browserHash);
  const failed = await complete(context, login, answer);
  if (failed) await saveResult(database, login, failed);
  return login.id;
}

/** @returns why the login failed; undefined if it succeeded, and its result is stored */
async function complete(context: Context, login: Authorization, answer: LoginAnswer): Promise<LoginResult | undefined> {
  try {
    context.agreement.requireNotHalted();
    const link = login.linkHash ? (await findConnectLink(context.database, login.linkHash))! : undefined;
    const by = link ? `connect link of ${link.createdBy}` : 'browser';
    await completeLogin(context, login, answer, by, link);
    return undefined;
  } catch (error) {
    const known = isAppError(error)
      ? error
      : new AppError('internal', 'An unexpected error occurred. See the log for details.', { cause: error });
    if (known.status >= 500) context.events.requestFailed(CALLBACK_PATH, known);
    return failedResult(known, login);
  }
}

function failedResult({ cause, message }: AppError, { loginUrl, linkHash }: Authorization): LoginResult {
  const startUrl = linkHash ? null : loginUrl;
  if (!(cause instanceof LoginRefusal)) return { kind: 'failed', words: null, message, loginUrl: startUrl };
  const { reason, description } = cause;
  const again = linkHash ? 'Open the link again' : 'Start again';
  const words = redactMessage(description === '' ? reason : `${reason}: ${description}`);
  return { kind: 'failed', words, message: explainLoginError(reason, loginUrl, description, again), loginUrl: startUrl };
}
