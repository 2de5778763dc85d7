import type { Router } from '@koa/router';
import type { Field } from '../org/field.ts';
import type { Table } from '../org/table.ts';
import type { Parts } from '../parts.ts';
import { fullRecord } from './record-json.ts';
import { queryParameter, replyJson } from './reply.ts';
import { notFoundError, SalesforceError } from './salesforce-error.ts';

export interface RecordRequest {
  object: string;
  id: string;
  version: string;
  /** Comma-separated; default all fields. */
  fields: string | undefined;
}

/** A single record by its id. */
export function recordRoute(router: Router, parts: Parts): void {
  router.get('/services/data/:version/sobjects/:object/:id', (context) => {
    const { object = '', id = '' } = context.params;
    replyJson(context, recordReply(parts, { object, id, version: context.state.version, fields: queryParameter(context, 'fields') }));
  });
}

/** A record with the fields that the user can see. Throws if it does not exist or is deleted. */
export function recordReply({ org }: Parts, requested: RecordRequest): object {
  const table = org.table(requested.object);
  if (!table) throw notFoundError();
  const { keyPrefix } = table.definition;
  if (!/^\w{15}(\w{3})?$/.test(requested.id) || (keyPrefix && !requested.id.startsWith(keyPrefix))) {
    throw new SalesforceError(404, 'NOT_FOUND', `Provided external ID field does not exist or is not accessible: ${requested.id}`);
  }
  const row = table.find(requested.id);
  if (!row) throw notFoundError();
  if (table.isDeleted(row)) throw new SalesforceError(404, 'ENTITY_IS_DELETED', 'entity is deleted');
  return fullRecord(table, row, requested.version, requested.fields === undefined ? undefined : findFields(table, requested.fields));
}

function findFields(table: Table, names: string): Field[] {
  return names.split(',').map((name) => {
    const found = table.fields.find(({ facts }) => facts.name.toLowerCase() === name.trim().toLowerCase());
    if (!found) throw new SalesforceError(400, 'INVALID_FIELD', `No such column '${name}' on sobject of type ${table.definition.name}`);
    return found;
  });
}
