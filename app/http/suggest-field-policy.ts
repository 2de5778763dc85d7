import { requireConnection } from '../actions/require-connection.ts';
import { NOT_READABLE, suggestFieldPolicy } from '../actions/suggest-field-policy.ts';
import { type Endpoint, requireObjectName } from './endpoint.ts';

/** Suggests which fields of an object to exclude or hash. Calls the org, so keys that may only read must not. */
export const fieldPolicySuggestion: Endpoint = {
  name: 'v1/connections/{connection}/suggest-field-policy',
  methods: ['GET'],
  roles: ['operate', 'admin'],
  required: ['object_name'],
  optional: [],
  async handle(context, { connection, object_name }) {
    const found = await requireConnection(context, connection!, 'The connection in the path');
    const { objectName, fields } = await suggestFieldPolicy(context, found, requireObjectName(object_name!));
    const list = (suggestion: string): string[] => (fields ?? []).flatMap((each) => (each.suggestion === suggestion ? each.field : []));
    return {
      object_name: objectName,
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
};
