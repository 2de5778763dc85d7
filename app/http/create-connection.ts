import { connectUnattended } from '../actions/connect-unattended.ts';
import type { UnattendedLogin } from '../core/login-flow.ts';
import { AppError } from '../errors.ts';
import type { Endpoint } from './endpoint.ts';
import type { Fields } from './fields.ts';

/** Connects an org without a user in a browser: as the app's run-as user, or as the user whom a signed assertion names. */
export const connectionCreation: Endpoint = {
  name: 'v1/connections',
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: ['flow'],
  optional: ['username', 'login_url'],
  async handle(context, fields, caller) {
    const host = fields.login_url?.replace(/\/$/, '');
    const { identityUrl, flow, loginUrl } = await connectUnattended(context, readLogin(fields), host, caller.name);
    return { user_id: identityUrl, flow, login_url: loginUrl };
  },
};

function readLogin({ flow, username }: Fields): UnattendedLogin {
  if (flow === 'client_credentials' && username === undefined) return { flow };
  if (flow === 'jwt_bearer' && username?.trim()) return { flow, username: username.trim() };
  throw new AppError(
    'invalid_request',
    'flow must be client_credentials, without a username, or jwt_bearer, with the username of a Salesforce user.',
  );
}
