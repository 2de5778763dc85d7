import { finishConnection } from '../actions/connect.ts';
import type { Endpoint } from './endpoint.ts';

/** Takes the code or error from the redirect, stores the grant and returns the user_id. */
export const loginOauthCallback: Endpoint = {
  name: 'login_oauth_callback',
  methods: ['GET', 'POST'],
  roles: ['operate', 'admin'],
  required: ['redirect_uri'],
  optional: ['authorization_code', 'state', 'error', 'error_description'],
  handle: (context, fields, caller) => {
    const callback = {
      redirectUri: fields.redirect_uri!,
      authorizationCode: fields.authorization_code,
      error: fields.error || undefined,
      errorDescription: fields.error_description,
      state: fields.state,
    };
    return finishConnection(context, callback, caller.name);
  },
};
