import type { Context } from '../../context.ts';
import { unreadReason } from '../../core/fields/columns.ts';
import type { MethodChoice } from '../../core/runs/method.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { type ObjectOfJob, readObjectsOfJobs } from '../../store/jobs/objects-of-jobs.ts';
import { checkWindowQuery, describeVisibleObject, requireImportable } from '../jobs/check-object.ts';
import { chooseMode, type Mode } from '../jobs/plan-job.ts';
import { Refusals } from '../jobs/refusals.ts';
import { chooseApiFor } from './list-objects.ts';

/** An object as a new job would find it. */
export interface DescribedObject {
  name: string;
  label: string;
  /** Salesforce's estimate; null: unknown, or none */
  rows: number | null;
  /** why it cannot be imported, in a sentence; null: it can */
  refusal: string | null;
  api: MethodChoice | null;
  /** of a job without append_only */
  mode: Mode;
  /** how many fields the connection's user sees, and how many of these Salesforce calculates: formulas and roll-ups */
  fields: number;
  formulas: number;
  /** the fields that no job can read, each with the reason */
  skipped: readonly { name: string; type: string; reason: string }[];
  known: ObjectOfJob | null;
}

/**
 * Describes an object, and tries a window's query. Calls Salesforce three times at most.
 * @throws AppError not_found, and the errors of a call to Salesforce
 */
export async function describeOrgObject(context: Context, connection: Connection, objectName: string): Promise<DescribedObject> {
  const description = await describeVisibleObject(context, connection, objectName);
  const { name, label, fields } = description;
  const mode = chooseMode(description, undefined);
  const refusals = new Refusals();
  await refusals.ofObject(() => requireImportable(description));
  if (!refusals.objectRefusal) await refusals.ofObject(() => checkWindowQuery(context, connection, description, mode.cursorField));
  const [counts, ofJobs] = await Promise.all([
    context.recordCounts.read(context.salesforce(connection.id), connection.id),
    readObjectsOfJobs(context.database, connection.id, name),
  ]);
  const rows = counts?.get(name) ?? null;
  const known = ofJobs.get(name) ?? null;
  return {
    name,
    label,
    rows,
    refusal: refusals.objectRefusal?.message ?? null,
    api: chooseApiFor(context, rows, known),
    mode,
    fields: fields.length,
    formulas: fields.filter(({ calculated }) => calculated).length,
    skipped: fields.flatMap(({ name: field, type }) => {
      const reason = unreadReason(type);
      return reason === undefined ? [] : [{ name: field, type, reason }];
    }),
    known,
  };
}
