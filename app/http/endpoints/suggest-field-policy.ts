import * as z from 'zod';
import { requireConnection } from '../../actions/connections/require-connection.ts';
import { NOT_READABLE, suggestFieldPolicy } from '../../actions/jobs/suggest-field-policy.ts';
import { SALESFORCE_ERRORS } from '../common-errors.ts';
import { defineEndpoint } from '../endpoint.ts';
import { connection, objectName } from '../schemas/fields.ts';

export const suggestionJson = z.strictObject({
  object_name: z.string(),
  readable: z.boolean().meta({ description: "Whether the connection's user may read how fields are classified." }),
  message: z.optional(z.string()).meta({ description: 'What to do if they may not.' }),
  fields: z.array(
    z.strictObject({
      name: z.string(),
      label: z.string(),
      security_classification: z.nullable(z.string()),
      compliance_groups: z.array(z.string()),
      suggestion: z.enum(['exclude', 'hash']),
    }),
  ),
  exclude_fields: z.array(z.string()),
  hash_fields: z.array(z.string()),
});

/** Suggests which fields of an object to exclude or hash. Calls the org, so keys that may only read must not. */
export const fieldPolicySuggestion = defineEndpoint({
  name: 'v1/connections/{connection}/suggest-field-policy',
  methods: ['GET'],
  group: 'objects',
  summary: "Suggests which fields of an object to exclude or hash, by the org's own classification of them.",
  roles: ['operate', 'admin'],
  request: z.object({ connection, object_name: objectName }),
  response: suggestionJson,
  errors: ['not_found', ...SALESFORCE_ERRORS],
  example: {
    request: { connection: 'production', object_name: 'Contact' },
    response: {
      object_name: 'Contact',
      readable: true,
      fields: [
        {
          name: 'SSN__c',
          label: 'SSN',
          security_classification: 'Restricted',
          compliance_groups: ['PII'],
          suggestion: 'exclude',
        },
      ],
      exclude_fields: ['SSN__c'],
      hash_fields: [],
    },
  },
  async handle(context, given) {
    const found = await requireConnection(context, given.connection, 'The connection in the path');
    const { objectName: name, fields } = await suggestFieldPolicy(context, found, given.object_name);
    const list = (suggestion: string): string[] => (fields ?? []).flatMap((each) => (each.suggestion === suggestion ? each.field : []));
    return {
      object_name: name,
      readable: fields !== undefined,
      ...(!fields && { message: NOT_READABLE }),
      fields: (fields ?? []).map(({ field, label, security, compliance, suggestion }) => ({
        name: field,
        label,
        security_classification: security,
        compliance_groups: compliance,
        suggestion,
      })),
      exclude_fields: list('exclude'),
      hash_fields: list('hash'),
    };
  },
});
