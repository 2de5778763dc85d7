import * as z from 'zod';
import { connectUnattended } from '../../actions/connections/connect-unattended.ts';
import type { UnattendedLogin } from '../../core/connections/login-flow.ts';
import { AppError } from '../../errors.ts';
import { SALESFORCE_ERRORS } from '../common-errors.ts';
import { defineEndpoint } from '../endpoint.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { loginUrl, optionalText } from '../schemas/fields.ts';

const FLOWS = ['client_credentials', 'jwt_bearer'] as const;

/** Connects an org without a user in a browser: as the app's run-as user, or as the user whom a signed assertion names. */
export const connectionCreation = defineEndpoint({
  name: 'v1/connections',
  methods: ['POST'],
  group: 'connections',
  summary: 'Connects an org without a browser: as the run-as user of the app, or as a user, with the private key of the app.',
  roles: ['operate', 'admin'],
  request: z.object({
    flow: z.string().meta({ description: 'How the service logs in.', enum: FLOWS }),
    username: optionalText('With jwt_bearer: the username of a Salesforce user.', 'sync@acme.example'),
    login_url: loginUrl,
  }),
  response: z.strictObject({ user_id: z.string(), flow: z.enum(FLOWS), login_url: z.string() }),
  errors: SALESFORCE_ERRORS,
  example: {
    request: { flow: 'client_credentials' },
    response: { user_id: EXAMPLE.userId, flow: 'client_credentials', login_url: 'https://acme.my.salesforce.com' },
  },
  async handle(context, fields, caller) {
    const { identityUrl, flow, loginUrl: host } = await connectUnattended(context, readLogin(fields), fields.login_url, caller.name);
    return { user_id: identityUrl, flow, login_url: host };
  },
});

function readLogin({ flow, username }: { flow: string; username?: string | undefined }): UnattendedLogin {
  if (flow === 'client_credentials' && username === undefined) return { flow };
  if (flow === 'jwt_bearer' && username?.trim()) return { flow, username: username.trim() };
  throw new AppError(
    'invalid_request',
    'flow must be client_credentials, without a username, or jwt_bearer, with the username of a Salesforce user.',
  );
}
