import { type Config, trustedHosts } from '../../config.ts';
import { type Identity, parseIdentityUrl } from '../../core/connections/identity.ts';
import { AppError } from '../../errors.ts';
import { isInstanceHost } from '../../salesforce/instance-host.ts';

/**
 * Checks what a login host returned, before the grant is stored.
 * @throws AppError salesforce_unavailable if the identity URL is malformed, login_refused if the org's address is not a Salesforce host
 */
export function requireIdentity(config: Config, { id, instanceUrl }: { id: string; instanceUrl: string }): Identity {
  const identity = parseIdentityUrl(id);
  if (!identity) throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed identity URL. Check SALESFORCE_LOGIN_URL.');
  if (isInstanceHost(instanceUrl, trustedHosts(config))) return identity;
  throw new AppError(
    'login_refused',
    `The login host returned the org address ${URL.parse(instanceUrl)?.host || 'without a host'}, which is not a Salesforce host, so the grant was not stored. Check SALESFORCE_LOGIN_URL and SALESFORCE_APPS.`,
  );
}
