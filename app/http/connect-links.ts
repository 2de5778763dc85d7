import { createConnectLink, revokeLink } from '../actions/connect-links.ts';
import { type ConnectLink, listConnectLinks } from '../store/connect-links.ts';
import type { Endpoint } from './endpoint.ts';
import { pagesOrigin } from './pages/origin.ts';
import { nextAfter, PAGING_FIELDS, readPage } from './paging.ts';

/** Creates a link with which a Salesforce admin, who needs no API key, connects an org. */
export const connectLinkCreation: Endpoint = {
  name: 'v1/connect-links',
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: [],
  optional: ['login_url', 'org_id'],
  async handle(context, fields, caller) {
    const { http } = context.config;
    const wanted = { loginUrl: fields.login_url?.replace(/\/$/, ''), orgId: fields.org_id };
    const { link, url } = await createConnectLink(context, pagesOrigin(http, http.port), wanted, caller.name);
    return { url, id: link.id, login_url: link.loginUrl, org_id: link.orgId, expires_at: link.expiresAt };
  },
};

/** Lists the links page by page, the latest first. Their tokens, and so their URLs, are not stored. */
export const connectLinkList: Endpoint = {
  name: 'v1/connect-links',
  methods: ['GET'],
  roles: ['operate', 'admin'],
  required: [],
  optional: PAGING_FIELDS,
  async handle({ database }, fields) {
    const page = readPage(fields);
    const { links, last } = await listConnectLinks(database, page);
    return { links: links.map(toLinkJson), next: nextAfter(page, links.length, last) };
  },
};

/** Revokes a link. */
export const connectLinkRevocation: Endpoint = {
  name: 'v1/connect-links/{link_id}',
  methods: ['DELETE'],
  roles: ['operate', 'admin'],
  required: [],
  optional: [],
  handle: async (context, { link_id }, caller) => toLinkJson(await revokeLink(context, link_id!, caller.name)),
};

function toLinkJson({ id, state, loginUrl, orgId, createdBy, createdAt, expiresAt, usedAt, revokedAt }: ConnectLink): object {
  return {
    id,
    state,
    login_url: loginUrl,
    org_id: orgId,
    created_by: createdBy,
    created_at: createdAt,
    expires_at: expiresAt,
    used_at: usedAt,
    revoked_at: revokedAt,
  };
}
