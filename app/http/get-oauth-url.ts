import { startConnection } from '../actions/connect.ts';
import type { Endpoint } from './endpoint.ts';

/** The URL to which a user is to be sent to let us in. */
export const getOauthUrl: Endpoint = {
  name: 'get_oauth_url',
  methods: ['GET', 'POST'],
  roles: ['operate', 'admin'],
  required: ['redirect_uri'],
  optional: ['login_url'],
  answer: (context, fields) => startConnection(context, fields.redirect_uri!, fields.login_url?.replace(/\/$/, '')),
};
