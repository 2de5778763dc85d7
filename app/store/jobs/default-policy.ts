import type { DefaultPolicy, FieldsOfJob } from '../../core/fields/field-policy.ts';
import { onlyRow, type Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** What the new jobs of a connection get besides their own policy. */
export async function readDefaultPolicy(database: Queryable, connectionId: number): Promise<DefaultPolicy> {
  const result = await database.query<RowOf<DefaultPolicy>>(
    'SELECT exclude_fields, hash_fields, new_fields FROM connections WHERE id = $1',
    [connectionId],
  );
  return toRecord(onlyRow(result));
}

/** The policies of all jobs of an org for an object, whichever connection they use. */
export async function readObjectPolicies(database: Queryable, orgId: string, objectName: string): Promise<FieldsOfJob[]> {
  const { rows } = await database.query<RowOf<FieldsOfJob>>(
    `SELECT jobs.object_name, jobs.cursor_field, jobs.exclude_fields, jobs.hash_fields, jobs.new_fields, jobs.approved_fields
     FROM jobs JOIN connections ON connections.id = jobs.connection_id
     WHERE connections.org_id = $1 AND lower(jobs.object_name) = lower($2)`,
    [orgId, objectName],
  );
  return rows.map(toRecord);
}
