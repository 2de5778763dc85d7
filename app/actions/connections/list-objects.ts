import type { Context } from '../../context.ts';
import { chooseMethod, type MethodChoice } from '../../core/runs/method.ts';
import { describeGlobal } from '../../salesforce/global-describe.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { type ObjectOfJob, readObjectsOfJobs } from '../../store/jobs/objects-of-jobs.ts';
import { readRefusedObjects } from '../../store/jobs/refused-objects.ts';

/** An object of the org that the connection's user can see. */
export interface OrgObject {
  name: string;
  label: string;
  /** Salesforce's estimate; null: unknown, or none */
  rows: number | null;
  /** why it cannot be imported, in a sentence; null: nothing is known against it */
  refusal: string | null;
  /** how all of its rows would be read; null: their number is unknown */
  api: MethodChoice | null;
  /** what the connection's job for it knows; null: there is none */
  known: ObjectOfJob | null;
}

/**
 * Lists the objects of a connection's org by name, with what is known about importing them. Calls Salesforce twice at most, so it describes
 * none of them: `describeOrgObject` does.
 * @throws AppError
 */
export async function listObjects(context: Context, connection: Connection): Promise<OrgObject[]> {
  const client = context.salesforce(connection.id);
  const [objects, counts, refused, ofJobs] = await Promise.all([
    describeGlobal(client),
    context.recordCounts.read(client, connection.id),
    readRefusedObjects(context.database, connection.id),
    readObjectsOfJobs(context.database, connection.id),
  ]);
  return objects
    .map(({ name, label, queryable }) => {
      const rows = counts?.get(name) ?? null;
      const known = ofJobs.get(name) ?? null;
      return {
        name,
        label,
        rows,
        refusal: queryable ? (refused.get(name.toLowerCase()) ?? null) : 'Salesforce does not allow queries of it.',
        api: chooseApiFor(context, rows, known),
        known,
      };
    })
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Null: the number of rows is unknown. */
export function chooseApiFor({ limits }: Context, rows: number | null, known: ObjectOfJob | null): MethodChoice | null {
  return rows === null ? null : chooseMethod(rows, limits.restRows, known?.bulkRefused ?? null);
}
