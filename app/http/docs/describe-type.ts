import type { Json } from './json-schema.ts';

/** The values that a JSON Schema allows, in words, for example `one of keep, drop` or `array of Run, or null`. */
export function describeType(schema: Json): string {
  const { $ref, anyOf, type, items, format, minimum, maximum, additionalProperties } = schema;
  const values = schema.enum as readonly unknown[] | undefined;
  if (typeof $ref === 'string') return nameOf($ref);
  if (Array.isArray(anyOf)) return [...new Set((anyOf as Json[]).map(describeType))].join(', or ');
  if (Array.isArray(type)) return type.map((each) => describeType({ ...schema, type: each })).join(', or ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (values) return `one of ${values.join(', ')}`;
  if (type === 'array') return `array of ${describeType(items as Json)}`;
  if (type === 'object')
    return isSchema(additionalProperties) ? `object, ${describeType(additionalProperties)} by name` : describeObject(schema);
  if (type === 'string' && format === 'date-time') return 'instant';
  if (type === 'string' && typeof format === 'string') return format;
  if (type === 'integer' && typeof maximum === 'number') return `integer from ${minimum} to ${maximum}`;
  return typeof type === 'string' ? type : 'any';
}

/** The name of the schema to which a reference leads. */
export function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

function describeObject({ properties }: Json): string {
  const names = Object.keys((properties as Json | undefined) ?? {});
  return names.length > 0 ? `object with ${names.join(', ')}` : 'object';
}

function isSchema(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}
