import type { Classification } from '../org/field.ts';
import type { Tables } from '../org/tables.ts';
import { SalesforceError } from '../rest/salesforce-error.ts';

const QUERY = /^\s*SELECT\s+([\w\s,]+?)\s+FROM\s+FieldDefinition(?:\s+WHERE\s+EntityDefinitionId\s*=\s*'(\w+)')?\s*$/i;

type Facts = Record<string, string | null>;

/** The reply to a query of FieldDefinition, the fields of one object, hidden ones too; undefined for any other query. */
export function fieldDefinitions(tables: Tables, soql: string, version: string): object | undefined {
  if (!/\bFROM\s+FieldDefinition\b/i.test(soql)) return undefined;
  const [, selected, object] = QUERY.exec(soql) ?? [];
  if (selected === undefined || object === undefined)
    throw new SalesforceError(400, 'MALFORMED_QUERY', 'A filter on a reified column is required [EntityDefinitionId,DurableId]');
  const names = selected.split(',').map((name) => name.trim());
  const records = (tables.table(object)?.fields ?? []).map(({ facts, classification }) => {
    const known = factsOf(facts.name, facts.label, classification);
    const unknown = names.find((name) => !(name in known));
    if (unknown !== undefined) throw new SalesforceError(400, 'INVALID_FIELD', `No such column '${unknown}' on entity 'FieldDefinition'.`);
    const url = `/services/data/v${version}/sobjects/FieldDefinition/${object}.${facts.name}`;
    return { attributes: { type: 'FieldDefinition', url }, ...Object.fromEntries(names.map((name) => [name, known[name]])) };
  });
  return { totalSize: records.length, done: true, records };
}

function factsOf(name: string, label: string, { security = null, compliance = [] }: Classification = {}): Facts {
  return {
    QualifiedApiName: name,
    Label: label,
    SecurityClassification: security,
    ComplianceGroup: compliance.length > 0 ? compliance.join(';') : null,
  };
}
