import * as z from 'zod';

/** A schema of JSON Schema, or an object of OpenAPI. */
export type Json = { [name: string]: unknown };

const DEFINITIONS = '#/$defs/';

/** Where OpenAPI keeps named schemas. */
const COMPONENTS = '#/components/schemas/';

/**
 * Converts schemas to JSON Schema 2020-12. Those with an id become references to named ones.
 * @param io `input`: what callers send; `output`: what they get
 * @returns the schemas by the given names, and the named ones that they refer to
 */
export function toJsonSchemas(schemas: Record<string, z.ZodType>, io: 'input' | 'output'): { schemas: Record<string, Json>; named: Json } {
  const whole = z.toJSONSchema(z.object(schemas), { io, override: ({ jsonSchema }) => simplify(jsonSchema) });
  const { properties, $defs } = JSON.parse(JSON.stringify(whole).replaceAll(`"${DEFINITIONS}`, `"${COMPONENTS}`)) as {
    properties: Record<string, Json>;
    $defs?: Json;
  };
  return { schemas: properties, named: $defs ?? {} };
}

/** Removes what readers need not know, and what would forbid later releases to add properties. */
function simplify(schema: Json): void {
  if (schema.additionalProperties === false) delete schema.additionalProperties;
  // The pattern of a date or UUID only repeats its format.
  if (schema.format !== undefined) delete schema.pattern;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  delete schema.id;
  const { example, ...rest } = schema;
  if (example !== undefined) {
    delete schema.example;
    Object.assign(schema, rest, { examples: [example] });
  }
}
