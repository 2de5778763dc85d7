import type { LoginFlow } from '../../core/connections/login-flow.ts';

type Section = readonly [title: string, fields: readonly (readonly [name: string, value: string])[]];

/** What only a login without a user needs. */
const FLOWS: Record<LoginFlow, readonly Section[]> = {
  browser: [],
  client_credentials: [
    ['Flow Enablement', [['Enable Client Credentials Flow', 'on']]],
    [
      'Afterwards, under Policies, OAuth Policies',
      [
        ['Enable Client Credentials Flow', 'on'],
        ['Run As', 'the user to read as'],
      ],
    ],
  ],
  jwt_bearer: [
    ['Flow Enablement', [['Enable JWT Bearer Flow', 'on, with your certificate']]],
    [
      'Afterwards, under Policies, OAuth Policies',
      [
        ['Permitted Users', 'admin approved users'],
        ['Permission Sets', 'one that the user to read as has'],
      ],
    ],
  ],
};

/** What to fill in to create the External Client App, by the sections of Salesforce's form. */
export function clientAppForm(callbackUrl: string, flow: LoginFlow): readonly Section[] {
  return [
    [
      'Basic Information',
      [
        ['External Client App Name', 'BigQuery Sync'],
        ['API Name', 'BigQuery_Sync'],
        ['Contact Email', 'yours'],
        ['Distribution State', 'Local'],
      ],
    ],
    [
      'API (Enable OAuth Settings)',
      [
        ['Enable OAuth', 'on'],
        ['Callback URL', callbackUrl],
        ['OAuth Scopes', 'Manage user data via APIs (api)'],
        ['', 'Perform requests at any time (refresh_token)'],
      ],
    ],
    [
      'Security',
      [
        ['Require secret for Web Server Flow', 'on'],
        ['Require secret for Refresh Token Flow', 'on'],
        ['Require Proof Key for Code Exchange (PKCE)', 'on'],
      ],
    ],
    ...FLOWS[flow],
  ];
}
