import { startConnection } from '../actions/connect.ts';
import type { Endpoint } from './endpoint.ts';

/** Returns the URL on which a user authorizes us. */
export const getOauthUrl: Endpoint = {
  name: 'get_oauth_url',
  methods: ['GET', 'POST'],
  roles: ['operate', 'admin'],
  required: ['redirect_uri'],
  optional: ['login_url'],
  handle: (context, fields, caller) => startConnection(context, fields.redirect_uri!, fields.login_url?.replace(/\/$/, ''), caller.name),
};
