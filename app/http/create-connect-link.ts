import { createConnectLink } from '../actions/connect-links.ts';
import type { Endpoint } from './endpoint.ts';
import { pagesOrigin } from './pages/origin.ts';

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
    return { url, login_url: link.loginUrl, org_id: link.orgId, expires_at: link.expiresAt };
  },
};
