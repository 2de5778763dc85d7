import { createHash, randomBytes } from 'node:crypto';
import type { Context } from '../../context.ts';
import { toLongId } from '../../core/connections/identity.ts';
import type { LoginResult } from '../../core/connections/login-result.ts';
import { isRunId } from '../../core/runs/run-id.ts';
import { AppError } from '../../errors.ts';
import { insertChange } from '../../store/audit.ts';
import {
  type ConnectLink,
  findConnectLink,
  findConnectLinkById,
  insertConnectLink,
  revokeConnectLink,
} from '../../store/connections/connect-links.ts';
import { transaction } from '../../store/database.ts';

/**
 * Creates a link for a Salesforce admin, who connects an org with it once.
 * @param origin the address of the service's pages
 * @param orgId the only org that it connects; undefined: any
 * @param by the name of the caller's API key
 * @returns the link and its URL, which is the only place where its token is
 * @throws AppError invalid_request; conflict if no one else can reach the service
 */
export async function createConnectLink(
  context: Context,
  origin: string,
  wanted: WantedLink,
  by: string,
): Promise<{ link: ConnectLink; url: string }> {
  requireReachable(context.config.http.publicUrl);
  return await createOwnConnectLink(context, origin, wanted, by);
}

/** What a link connects; undefined: at the first configured login host, any org. */
interface WantedLink {
  loginUrl: string | undefined;
  orgId: string | undefined;
}

/** Creates a link that the caller opens in the same browser, which reaches the service, perhaps through a tunnel. @throws AppError invalid_request */
export async function createOwnConnectLink(
  { app, database, events }: Context,
  origin: string,
  { loginUrl, orgId }: WantedLink,
  by: string,
): Promise<{ link: ConnectLink; url: string }> {
  if (orgId !== undefined && !/^00D[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?$/.test(orgId)) {
    throw new AppError('invalid_request', 'org_id must be the Id of an org, 15 or 18 characters that start with 00D.');
  }
  const token = randomBytes(32).toString('base64url');
  const wanted = { loginUrl: app(loginUrl).loginUrl, orgId: orgId === undefined ? null : toLongId(orgId), createdBy: by };
  const link = await transaction(database, async (client) => {
    const inserted = await insertConnectLink(client, hashToken(token), wanted);
    const details = { link: inserted.id, login_url: inserted.loginUrl, org: inserted.orgId, expires_at: inserted.expiresAt };
    await insertChange(client, { by, action: 'connect_link_created', details });
    return inserted;
  });
  events.connectLinkCreated(link, by);
  return { link, url: `${origin}/connect/${token}` };
}

/** Without a load balancer, PUBLIC_URL is the address at which a tunnel ends. */
function requireReachable(publicUrl: string | undefined): void {
  if (!publicUrl?.startsWith('http://localhost')) return;
  throw new AppError(
    'conflict',
    `Only you can reach this service, at ${publicUrl}, so no one else can open a connect link. Connect the org there yourself, or give the service a public address.`,
  );
}

/** The link with this token. @throws AppError not_found if there is none, or it was used or has expired */
export async function requireConnectLink({ database }: Context, token: string): Promise<ConnectLink> {
  const link = await findConnectLink(database, hashToken(token));
  if (!link) throw new AppError('not_found', 'This link is not valid. Check that you opened all of it, or ask its sender for a new one.');
  if (link.state === 'open') return link;
  throw new AppError('not_found', `This link ${CLOSED[link.state]}. If you still need to connect, ask its sender for a new one.`, {
    status: 410,
  });
}

/** Why a link cannot be used, as the end of a sentence. */
const CLOSED = { used: 'has already connected an org', revoked: 'was revoked by its sender', expired: 'has expired' };

/**
 * Revokes a link: it opens no login any more, and those that it has opened end.
 * @param by the name of the caller's API key
 * @returns the link; one that was revoked before, as it is
 * @throws AppError invalid_request, not_found; conflict if it has connected an org
 */
export async function revokeLink({ database, events }: Context, id: string, by: string): Promise<ConnectLink> {
  if (!isRunId(id)) throw new AppError('invalid_request', 'The id of a connect link must be a UUID. Take it from /v1/connect-links.');
  const link = await findConnectLinkById(database, id);
  if (!link) throw new AppError('not_found', 'There is no connect link with this id. /v1/connect-links lists all of them.');
  if (link.state === 'revoked') return link;
  const revoked = await transaction(database, async (client) => {
    const done = await revokeConnectLink(client, link, REVOKED);
    if (!done) throw new AppError('conflict', 'This link has connected an org. To end its access, disconnect that connection.');
    const details = { link: done.id, login_url: done.loginUrl, org: done.orgId };
    await insertChange(client, { by, action: 'connect_link_revoked', details });
    return done;
  });
  events.connectLinkRevoked(revoked, by);
  return revoked;
}

/** What a browser shows whose login a revoked link had opened. */
const REVOKED: LoginResult = {
  kind: 'failed',
  words: null,
  message: 'This link was revoked by its sender, and nothing was connected. If you still need to connect, ask its sender for a new one.',
  loginUrl: null,
};

/** What is stored of a link's token. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
