import { failureMessage } from '../core/failure-message.ts';

/** A setting of the org or user that blocks every login and renewal; who can change it, and how. */
interface Policy {
  pattern: RegExp;
  help: string;
  /** the grant is dead: a user must log in again */
  endsGrant: boolean;
}

const POLICIES: readonly Policy[] = [
  {
    pattern: /inactive user/i,
    help: 'The Salesforce user of this connection is inactive. Have an admin of the org activate the user in Setup, Users, or connect as another user.',
    endsGrant: true,
  },
  {
    pattern: /ip restricted/i,
    help: "Salesforce does not accept this service's IP address (ip restricted). Have an admin of the org add it to the Login IP Ranges of the user's profile, or relax IP restrictions in the policies of the External Client App.",
    endsGrant: false,
  },
  {
    pattern: /invalid login hours/i,
    help: "It is outside the Salesforce user's login hours (invalid login hours). The service continues during login hours. An admin of the org can change the Login Hours of the user's profile.",
    endsGrant: false,
  },
  {
    pattern: /inactive organization/i,
    help: 'The Salesforce org is inactive (inactive organization): it is locked or closed, or its trial has expired. Have its admin contact Salesforce.',
    endsGrant: false,
  },
];

/** The setting that a description is about; undefined: it is of something else. */
export function findPolicy(description: string): Policy | undefined {
  return POLICIES.find(({ pattern }) => pattern.test(description));
}

/** What to do about a setting of the org or user that blocks every login; undefined: the description is of something else. */
export function explainPolicy(description: string): string | undefined {
  return findPolicy(description)?.help;
}

const LACKS_SCOPE = 'The External Client App lacks a scope. Add the scopes "api" and "refresh_token".';
const NOT_APPROVED = 'The user is not approved for the External Client App. Have an admin of the org pre-authorize the user.';
const BLOCKED = 'The org blocks the app. Have an admin of the org install and unblock it.';

/** What to do about a refusal whose reason Salesforce does not return. */
export const SEE_HISTORY = 'Have an admin of the org look up the reason in Setup, Login History.';

/** What to do about an OAuth error code, whether a user logs in or a session is renewed. */
const HELP: Readonly<Record<string, string>> = {
  invalid_client_id: 'Salesforce does not recognize SALESFORCE_CLIENT_ID. Check it; a new app may take ten minutes to work.',
  invalid_client: 'Salesforce refused SALESFORCE_CLIENT_SECRET. Set it to the consumer secret of the External Client App.',
  invalid_scope: LACKS_SCOPE,
  invalid_app_access: NOT_APPROVED,
  OAUTH_APP_ACCESS_DENIED: NOT_APPROVED,
  OAUTH_APP_BLOCKED: BLOCKED,
  OAUTH_AUTHORIZATION_BLOCKED: BLOCKED,
};

/**
 * The message for an OAuth error of a login, which says what to do.
 * @param reason the OAuth error code from the redirect or the token endpoint
 * @param description Salesforce's error_description, if any
 * @param again what starts another login
 */
export function explainLoginError(reason: string, loginUrl: string, description = '', again = 'Call get_oauth_url again'): string {
  const policy = explainPolicy(description);
  if (policy) return policy;
  const denied = `The user denied access. ${again} and choose Allow on that page.`;
  const noBrowser =
    'The External Client App does not allow a login in a browser. Have an admin of the org enable its Authorization Code and Credentials Flow, or the web server flow of a connected app.';
  const help: Record<string, string> = {
    ...HELP,
    access_denied: denied,
    'access-denied': denied,
    immediate_unsuccessful: `Salesforce requires the user to log in first. ${again}, log in, and choose Allow on that page.`,
    unsupported_response_type: noBrowser,
    unsupported_grant_type: noBrowser,
    invalid_grant: `Salesforce no longer accepts this authorization code: a code works once, for 15 minutes. ${again} to get a new one.`,
    invalid_request: `The authorization code belongs to another login. ${again} and complete that login.`,
    redirect_uri_mismatch: 'This redirect_uri is not a callback URL of the External Client App. Add it there, exactly as sent.',
    OAUTH_EC_APP_NOT_FOUND: `The org at ${loginUrl} does not have this External Client App. Set SALESFORCE_LOGIN_URL to the My Domain of the org that has it.`,
    OAUTH_APPROVAL_ERROR_GENERIC:
      'Salesforce could not approve the app. Check that it is installed in the org and has the scopes "api" and "refresh_token", and that the user is not an API-only user.',
  };
  return Object.hasOwn(help, reason)
    ? help[reason]!
    : unknownReason('log in', reason, description, `${again}. If it fails again: ${SEE_HISTORY}`);
}

/** The message for an OAuth error of a renewal, which says what to do. Its grant may still be valid. */
export function explainRenewalError(reason: string, description: string): string {
  if (reason === 'unsupported_grant_type') {
    return 'The External Client App does not allow sessions to be renewed. Have an admin of the org enable its refresh token flow: the scope "refresh_token", with a policy that keeps refresh tokens valid.';
  }
  return Object.hasOwn(HELP, reason) ? HELP[reason]! : unknownReason('renew the session', reason, description, SEE_HISTORY);
}

function unknownReason(doing: string, reason: string, message: string, advice: string): string {
  const code = /^[A-Za-z_-]{1,60}$/.test(reason) ? reason : 'no reason given';
  return failureMessage({ doing, what: 'Salesforce refused it', code, message, advice });
}
