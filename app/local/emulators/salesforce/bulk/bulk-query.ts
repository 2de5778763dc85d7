import { DELIMITERS, LINE_ENDINGS } from '../csv.ts';
import type { Org } from '../org/org.ts';
import { SalesforceError } from '../rest/salesforce-error.ts';
import { parseSoql, type SoqlQuery } from '../soql/soql.ts';
import type { NewBulkJob } from './bulk-jobs.ts';

const MAX_QUERY = 100_000;
const NOT_IN_CSV = ['base64', 'complexvalue'];

/** Parses the body of a job's creation. Throws what Salesforce rejects at once; other errors appear while the job runs. */
export function readBulkJob(org: Org, body: string, apiVersion: string): NewBulkJob {
  const requested = parse(body);
  const { operation, query, contentType = 'CSV', columnDelimiter = 'COMMA', lineEnding = 'LF' } = requested;
  if (operation !== 'query' && operation !== 'queryAll') throw refusal('INVALIDJOB', `Unsupported operation: ${operation}`);
  if (typeof query !== 'string' || query === '') throw refusal('INVALIDJOB', 'No query was given.');
  if (query.length > MAX_QUERY) throw refusal('MALFORMED_QUERY', 'SOQL statements cannot be longer than 100,000 characters.');
  if (contentType !== 'CSV') throw refusal('INVALIDJOB', `Unsupported content type: ${contentType}`);
  if (!isKeyOf(DELIMITERS, columnDelimiter)) throw refusal('INVALIDJOB', `Unsupported column delimiter: ${columnDelimiter}`);
  if (!isKeyOf(LINE_ENDINGS, lineEnding)) throw refusal('INVALIDJOB', `Unsupported line ending: ${lineEnding}`);
  return { operation, query: readBulkSoql(org, query), apiVersion, columnDelimiter, lineEnding };
}

function parse(body: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw refusal('JSON_PARSER_ERROR', 'The HTTP entity body is required, but this request has no entity body.');
}

function readBulkSoql(org: Org, soql: string): SoqlQuery {
  const query = parseSoql(org, soql);
  const { name, bulk } = query.table.definition;
  if (!bulk) throw refusal('INVALIDENTITY', `Entity '${name}' is not supported by the Bulk API.`);
  if (query.hasAggregate || query.hasSubquery) throw refusal('API_ERROR', 'Aggregate Relationships not supported in Bulk Query');
  if (query.offset !== undefined) throw refusal('API_ERROR', 'Bulk Query does not support OFFSET');
  for (const { facts } of query.columns) {
    if (facts.type === 'address' || facts.type === 'location')
      throw refusal('API_ERROR', 'Selecting compound data not supported in Bulk Query');
    if (NOT_IN_CSV.includes(facts.type)) throw refusal('FEATURENOTENABLED', `Cannot serialize value for '${facts.name}' in CSV format`);
  }
  return query;
}

function refusal(errorCode: string, message: string): SalesforceError {
  return new SalesforceError(400, errorCode, message, true);
}

function isKeyOf<T extends object>(map: T, key: unknown): key is keyof T & string {
  return typeof key === 'string' && Object.hasOwn(map, key);
}
