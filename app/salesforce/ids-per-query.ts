import type { SalesforceClient } from './client.ts';
import { MAX_URI_BYTES, pathOfQuery } from './rest.ts';
import { selectIds } from './soql.ts';

/** Salesforce's limit on the text of a query. */
const MAX_SOQL_CHARACTERS = 100_000;

/** An Id in quotes and a comma, as text and in a URI. */
const ID_CHARACTERS = 21;
const ID_URI_BYTES = 23;

/** How many Ids a query of these fields can list; 0 if the fields alone are too long. */
export function maxIdsPerQuery(client: SalesforceClient, objectName: string, fields: readonly string[]): { rest: number; bulk: number } {
  const soql = selectIds(objectName, fields, []);
  return {
    rest: Math.max(0, Math.floor((MAX_URI_BYTES - pathOfQuery(client, soql).length) / ID_URI_BYTES)),
    bulk: Math.max(0, Math.floor((MAX_SOQL_CHARACTERS - soql.length) / ID_CHARACTERS)),
  };
}
