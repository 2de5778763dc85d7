import * as z from 'zod';
import { finishConnection } from '../../../actions/connections/connect.ts';
import { SALESFORCE_ERRORS } from '../../common-errors.ts';
import { defineEndpoint } from '../../endpoint.ts';
import { EXAMPLE } from '../../schemas/examples.ts';
import { optionalText, text } from '../../schemas/fields.ts';

/** Takes the code or error from the redirect, stores the grant and returns the user_id. */
export const loginOauthCallback = defineEndpoint({
  name: 'login_oauth_callback',
  methods: ['GET', 'POST'],
  group: 'contract',
  summary: 'Completes a login with what came back by the redirect, and returns the user_id of the connection.',
  roles: ['operate', 'admin'],
  request: z.object({
    redirect_uri: text('That of get_oauth_url.', EXAMPLE.redirectUri),
    authorization_code: optionalText('The code of the redirect.', 'aPrx…=='),
    state: optionalText('The state of the redirect. Required if several logins of the API key are open for this redirect_uri.'),
    error: optionalText('The error of the redirect, instead of a code.', 'access_denied'),
    error_description: optionalText('The description of the error.'),
  }),
  response: z.string(),
  errors: SALESFORCE_ERRORS,
  example: {
    request: { redirect_uri: EXAMPLE.redirectUri, authorization_code: 'aPrx…==' },
    response: EXAMPLE.userId,
  },
  handle: (context, fields, caller) => {
    const callback = {
      redirectUri: fields.redirect_uri,
      authorizationCode: fields.authorization_code,
      error: fields.error || undefined,
      errorDescription: fields.error_description,
      state: fields.state,
    };
    return finishConnection(context, callback, caller.name);
  },
});
