import { createHash, randomBytes } from 'node:crypto';
import type { Context } from '../context.ts';
import { toLongId } from '../core/identity.ts';
import { AppError } from '../errors.ts';
import { insertChange } from '../store/audit.ts';
import { type ConnectLink, findConnectLink, insertConnectLink } from '../store/connect-links.ts';

/**
 * Creates a link for a Salesforce admin, who connects an org with it once.
 * @param origin the address of the service's pages
 * @param orgId the only org that it connects; undefined: any
 * @param by the name of the caller's API key
 * @returns the link and its URL, which is the only place where its token is
 * @throws AppError invalid_request
 */
export async function createConnectLink(
  { app, database, events }: Context,
  origin: string,
  { loginUrl, orgId }: { loginUrl: string | undefined; orgId: string | undefined },
  by: string,
): Promise<{ link: ConnectLink; url: string }> {
  if (orgId !== undefined && !/^00D[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?$/.test(orgId)) {
    throw new AppError('invalid_request', 'org_id must be the Id of an org, 15 or 18 characters that start with 00D.');
  }
  const token = randomBytes(32).toString('base64url');
  const link = await insertConnectLink(database, {
    tokenHash: hashToken(token),
    loginUrl: app(loginUrl).loginUrl,
    orgId: orgId === undefined ? null : toLongId(orgId),
    createdBy: by,
  });
  events.connectLinkCreated(link, by);
  const details = { login_url: link.loginUrl, org: link.orgId, expires_at: link.expiresAt };
  await insertChange(database, { by, action: 'connect_link_created', details });
  return { link, url: `${origin}/connect/${token}` };
}

/** The link with this token. @throws AppError not_found if there is none, or it was used or has expired */
export async function requireConnectLink({ database }: Context, token: string): Promise<ConnectLink> {
  const found = await findConnectLink(database, hashToken(token));
  if (!found) throw new AppError('not_found', 'This link is not valid. Check that you opened all of it, or ask its sender for a new one.');
  if (found.state === 'open') return found.link;
  const why = found.state === 'used' ? 'has already connected an org' : 'has expired';
  throw new AppError('not_found', `This link ${why}. If you still need to connect, ask its sender for a new one.`, { status: 410 });
}

function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
