import * as z from 'zod';
import { createConnectLink, revokeLink } from '../../actions/connections/connect-links.ts';
import { type ConnectLink, listConnectLinks } from '../../store/connections/connect-links.ts';
import { defineEndpoint } from '../endpoint.ts';
import { pagesOrigin } from '../pages/origin.ts';
import { nextAfter, pageFields } from '../paging.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { loginUrl, optionalText, text } from '../schemas/fields.ts';
import { instant, pageJson } from '../schemas/json.ts';

export const linkJson = z
  .strictObject({
    id: z.uuid(),
    state: z.enum(['open', 'used', 'revoked', 'expired']),
    login_url: z.string(),
    org_id: z.nullable(z.string()).meta({ description: 'The only org that it connects; null: any.' }),
    created_by: z.string(),
    created_at: instant,
    expires_at: instant,
    used_at: z.nullable(instant),
    revoked_at: z.nullable(instant),
  })
  .meta({ id: 'ConnectLink', description: 'A link with which a Salesforce admin connects one org. Its URL is not stored.' });

export const createdLinkJson = z.strictObject({
  url: z.string().meta({ description: 'The link. This is the only response that contains it.' }),
  id: z.uuid(),
  login_url: z.string(),
  org_id: z.nullable(z.string()),
  expires_at: instant,
});

const LINK_EXAMPLE: z.input<typeof linkJson> = {
  id: EXAMPLE.linkId,
  state: 'open',
  login_url: 'https://login.salesforce.com',
  org_id: EXAMPLE.orgId,
  created_by: 'ops',
  created_at: '2024-03-10T09:15:00.000Z',
  expires_at: '2024-03-13T09:15:00.000Z',
  used_at: null,
  revoked_at: null,
};

/** Creates a link with which a Salesforce admin, who needs no API key, connects an org. */
export const connectLinkCreation = defineEndpoint({
  name: 'v1/connect-links',
  methods: ['POST'],
  group: 'connect links',
  summary: 'Creates a link with which a Salesforce admin connects an org, once and within 72 hours.',
  roles: ['operate', 'admin'],
  request: z.object({
    login_url: loginUrl,
    org_id: optionalText('The only org that the link connects; absent: any.', EXAMPLE.orgId),
  }),
  response: createdLinkJson,
  errors: ['conflict'],
  example: {
    request: { org_id: EXAMPLE.orgId },
    response: {
      url: 'https://sync.example.com/connect/<token>',
      id: EXAMPLE.linkId,
      login_url: 'https://login.salesforce.com',
      org_id: EXAMPLE.orgId,
      expires_at: '2024-03-13T09:15:00.000Z',
    },
  },
  async handle(context, { login_url, org_id }, caller) {
    const { http } = context.config;
    const wanted = { loginUrl: login_url, orgId: org_id };
    const { link, url } = await createConnectLink(context, pagesOrigin(http, http.port), wanted, caller.name);
    return { url, id: link.id, login_url: link.loginUrl, org_id: link.orgId, expires_at: link.expiresAt };
  },
});

/** Lists the links page by page, the latest first. Their tokens, and so their URLs, are not stored. */
export const connectLinkList = defineEndpoint({
  name: 'v1/connect-links',
  methods: ['GET'],
  group: 'connect links',
  summary: 'Lists the links page by page, the latest first.',
  roles: ['operate', 'admin'],
  request: z.object(pageFields),
  response: pageJson('links', linkJson),
  errors: [],
  example: { request: {}, response: { links: [LINK_EXAMPLE], next: null } },
  async handle({ database }, page) {
    const { links, last } = await listConnectLinks(database, page);
    return { links: links.map(toLinkJson), next: nextAfter(page, links.length, last) };
  },
});

/** Revokes a link. */
export const connectLinkRevocation = defineEndpoint({
  name: 'v1/connect-links/{link_id}',
  methods: ['DELETE'],
  group: 'connect links',
  summary: 'Revokes a link: it opens no login any more, and the logins that are open with it end.',
  roles: ['operate', 'admin'],
  request: z.object({ link_id: text('The id of a link.', EXAMPLE.linkId) }),
  response: linkJson,
  errors: ['not_found', 'conflict'],
  example: {
    request: { link_id: EXAMPLE.linkId },
    response: { ...LINK_EXAMPLE, state: 'revoked', revoked_at: '2024-03-10T10:00:00.000Z' },
  },
  handle: async (context, { link_id }, caller) => toLinkJson(await revokeLink(context, link_id, caller.name)),
});

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
