import type { Context } from '../context.ts';
import { describeGlobal } from '../salesforce/global-describe.ts';
import type { Connection } from '../store/connections.ts';
import { readRefusedObjects } from '../store/refused-objects.ts';

/** An object of the org that the connection's user can see. */
export interface OrgObject {
  name: string;
  label: string;
  /** Salesforce's estimate; null: unknown, or none */
  rows: number | null;
  /** why it cannot be imported, in a sentence; null: nothing is known against it */
  refusal: string | null;
}

/** Lists the objects of a connection's org by name, with what is known about importing them. Calls Salesforce twice at most. @throws AppError */
export async function listObjects(context: Context, connection: Connection): Promise<OrgObject[]> {
  const client = context.salesforce(connection.id);
  const [objects, counts, refused] = await Promise.all([
    describeGlobal(client),
    context.recordCounts.read(client, connection.id),
    readRefusedObjects(context.database, connection.id),
  ]);
  return objects
    .map(({ name, label, queryable }) => ({
      name,
      label,
      rows: counts?.get(name) ?? null,
      refusal: queryable ? (refused.get(name.toLowerCase()) ?? null) : 'Salesforce does not allow queries of it.',
    }))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}
