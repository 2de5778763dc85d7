import * as z from 'zod';
import { EXAMPLE } from './examples.ts';
import { count, errorJson, instant } from './json.ts';

const SHAPE = {
  id: z.int().min(1),
  alias: z.nullable(z.string()),
  user_id: z.string(),
  username: z.nullable(z.string()),
  org_id: z.string(),
  org_name: z.nullable(z.string()),
  org_kind: z.nullable(z.enum(['production', 'sandbox'])),
  login_url: z.string(),
  instance_url: z.string(),
  status: z.enum(['active', 'needs_login', 'disconnected']),
  error: z
    .nullable(errorJson.extend({ since: z.nullable(instant) }))
    .meta({ description: 'Why it is not active; null: it is, or unknown.' }),
  scopes: z.nullable(z.array(z.string())).meta({ description: 'As granted; null: unknown.' }),
  granted_at: instant,
  used_at: z.nullable(instant).meta({ description: 'When it last called the org.' }),
  jobs: count.meta({ description: 'The number of its jobs.' }),
  api_share: z
    .nullable(z.number())
    .meta({ description: "The share of the org's daily calls that the service may use; null: that of API_SHARE." }),
  quiet_hours: z.nullable(z.string()),
  exclude_fields: z.array(z.string()),
  hash_fields: z.array(z.string()),
  new_fields: z.nullable(z.enum(['add', 'review'])),
};

/** A connection in a list. */
export const listedConnectionJson = z.strictObject(SHAPE).meta({ id: 'Connection', description: 'The grant of a Salesforce user.' });

const WITH_CALLS = {
  ...SHAPE,
  calls_in_24_hours: z.strictObject({
    own: count.meta({ description: 'Calls of this service.' }),
    allowed: z.nullable(count).meta({ description: 'How many it may make; null: unknown yet.' }),
    org_used: z.nullable(count).meta({ description: 'Calls of all clients of the org.' }),
    org_limit: z.nullable(count),
  }),
};

/** A connection by itself, with the calls to its org. */
export const connectionJson = z
  .strictObject(WITH_CALLS)
  .meta({ id: 'ConnectionWithCalls', description: 'A connection, with the calls to its org in the last 24 hours.' });

/** A connection to which something was done, and what its caller should know. */
export const reportedConnectionJson = z.strictObject({ ...WITH_CALLS, message: z.string() });

export const LISTED_CONNECTION_EXAMPLE: z.input<typeof listedConnectionJson> = {
  id: 1,
  alias: 'production',
  user_id: EXAMPLE.userId,
  username: 'sync@acme.example',
  org_id: EXAMPLE.orgId,
  org_name: 'Acme',
  org_kind: 'production',
  login_url: 'https://login.salesforce.com',
  instance_url: 'https://acme.my.salesforce.com',
  status: 'active',
  error: null,
  scopes: ['api', 'refresh_token'],
  granted_at: '2024-03-10T09:15:00.000Z',
  used_at: '2024-03-11T00:05:02.000Z',
  jobs: 2,
  api_share: null,
  quiet_hours: '08:00-18:00 Europe/Berlin',
  exclude_fields: [],
  hash_fields: [],
  new_fields: null,
};

export const CONNECTION_EXAMPLE: z.input<typeof connectionJson> = {
  ...LISTED_CONNECTION_EXAMPLE,
  calls_in_24_hours: { own: 412, allowed: 50_000, org_used: 9_120, org_limit: 100_000 },
};
