import * as z from 'zod';
import { startConnection } from '../../../actions/connections/connect.ts';
import { defineEndpoint } from '../../endpoint.ts';
import { EXAMPLE } from '../../schemas/examples.ts';
import { loginUrl, text } from '../../schemas/fields.ts';

/** Returns the URL on which a user authorizes us. */
export const getOauthUrl = defineEndpoint({
  name: 'get_oauth_url',
  methods: ['GET', 'POST'],
  group: 'contract',
  summary: 'Opens a login: returns the page where a Salesforce user grants access, within ten minutes.',
  roles: ['operate', 'admin'],
  request: z.object({
    redirect_uri: text('Where Salesforce sends the browser afterwards: a callback URL of the External Client App.', EXAMPLE.redirectUri),
    login_url: loginUrl,
  }),
  response: z.string(),
  errors: [],
  example: {
    request: { redirect_uri: EXAMPLE.redirectUri },
    response: `https://login.salesforce.com/services/oauth2/authorize?response_type=code&client_id=…&redirect_uri=${EXAMPLE.redirectUri}&state=…`,
  },
  handle: (context, { redirect_uri, login_url }, caller) => startConnection(context, redirect_uri, login_url, caller.name),
});
