/** How a connection gets its sessions: from a user's consent in a browser, which leaves a refresh token, or without a user. */
export type LoginFlow = 'browser' | UnattendedLogin['flow'];

/**
 * A login without a user. Salesforce returns no refresh token for it: the same request renews the session.
 * `client_credentials` acts as the app's run-as user, `jwt_bearer` as the user whom a signed assertion names.
 */
export type UnattendedLogin = { flow: 'client_credentials' } | { flow: 'jwt_bearer'; username: string };
