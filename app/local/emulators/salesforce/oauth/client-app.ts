import { createHash } from 'node:crypto';
import { OAuthError } from './oauth-error.ts';

/** The org's only External Client App, which requires PKCE. The same seed gives the same app. */
export interface ClientApp {
  clientId: string;
  clientSecret: string;
  /** Whether exchanging codes and refresh tokens requires the secret. A secret that is sent is always checked. */
  secretIsRequired: boolean;
  /** Whether an admin selected the user that client credentials run as. */
  hasRunAsUser: boolean;
}

/** The app of the Salesforce CLI, which every org has. It has no secret. */
const CLI_APP = 'PlatformCLI';

export function clientApp(seed: number, settings: Pick<ClientApp, 'secretIsRequired' | 'hasRunAsUser'>): ClientApp {
  const digest = (name: string): Buffer => createHash('sha512').update(`${name} of emulator ${seed}`).digest();
  return {
    clientId: `3MVG9${digest('key').toString('base64url').slice(0, 80)}`,
    clientSecret: digest('secret').toString('hex').slice(0, 64).toUpperCase(),
    ...settings,
  };
}

export function isKnown(app: ClientApp, clientId: string | undefined): boolean {
  return clientId === CLI_APP || clientId === app.clientId;
}

export function checkClientId(app: ClientApp, clientId: string | undefined): void {
  if (!isKnown(app, clientId)) throw new OAuthError('invalid_client_id', 'client identifier invalid');
}

export function checkClientSecret(app: ClientApp, clientSecret: string | undefined): void {
  if (clientSecret === undefined && !app.secretIsRequired) return;
  if (clientSecret !== app.clientSecret) throw new OAuthError('invalid_client', 'invalid client credentials');
}

/** Every real host, and every address on the user's own machine, is registered as a callback. */
export function isRegistered(redirectUri: string): boolean {
  const address = URL.parse(redirectUri);
  if (address?.protocol === 'https:') return true;
  return address?.protocol === 'http:' && ['localhost', '127.0.0.1'].includes(address.hostname);
}
