import type { DefaultPolicy } from '../core/field-policy.ts';
import { onlyRow, type Queryable } from './database.ts';
import { type RowOf, toRecord } from './to-record.ts';

/** What the new jobs of a connection get besides their own policy. */
export async function readDefaultPolicy(database: Queryable, connectionId: number): Promise<DefaultPolicy> {
  const result = await database.query<RowOf<DefaultPolicy>>(
    'SELECT exclude_fields, hash_fields, new_fields FROM connections WHERE id = $1',
    [connectionId],
  );
  return toRecord(onlyRow(result));
}
