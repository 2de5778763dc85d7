import { isDeepStrictEqual } from 'node:util';
import type { DescribedField } from '../../core/columns.ts';
import { chooseMethod, type MethodChoice } from '../../core/method.ts';
import { AppError, isAppError } from '../../errors.ts';
import { refusedQueryError, toFieldRefusal } from '../../salesforce/field-refusal.ts';
import { queryPath, type RestPage, readRestPage } from '../../salesforce/rest.ts';
import { type RowRange, selectRows } from '../../salesforce/soql.ts';
import { saveDescribed } from '../../store/runs.ts';
import { type Slice, saveSlice } from '../../store/slices.ts';
import { countOrNull } from './count-or-null.ts';
import { type Extraction, requestedFields, type TooLarge } from './extraction.ts';
import { queryTooLargeReason } from './is-query-too-large.ts';
import { requireQuota } from './require-quota.ts';
import type { Unsettled } from './settle-fields.ts';

/** A slice with its chosen method and, for REST, the page that was already read. */
export interface Reading {
  slice: Slice;
  firstPage: RestPage | undefined;
}

/** Why only Bulk can read a slice. */
interface NotByRest extends MethodChoice {
  /** as a phrase, for the error if Bulk refuses the object as well */
  why: string;
}

/**
 * Requests the first page by REST, which also returns the number of rows, and chooses how to read them all: an empty window costs only
 * this call, a small one few more. If there are rows, the run's fields must be described before they are read. An earlier attempt's choice
 * stays.
 * @param canBeCut whether TooLarge may be returned: if Bulk refuses the object and REST takes too long for this many rows
 */
export async function chooseApi(
  extraction: Extraction,
  planned: Slice,
  range: RowRange,
  canBeCut: boolean,
): Promise<Reading | TooLarge | { unsettled: Unsettled }> {
  if (planned.method) return { slice: planned, firstPage: undefined };
  const { context, run } = extraction;
  await requireQuota(context, run.orgId);
  const first = await readFirstPage(extraction, planned, range);
  const byRest = 'totalSize' in first;
  if (!byRest && run.job.bulkRefused) {
    // REST may succeed with fewer rows.
    if (canBeCut) return { cut: planned, parts: 2 };
    throw readByNeither(run.job.objectName, first.why, run.job.bulkRefused);
  }
  const countBefore = byRest ? first.totalSize : await countOrNull(extraction, range);
  const changed = countBefore === 0 ? undefined : await describeUnlessDone(extraction);
  if (changed) return { unsettled: { kind: 'described', fields: changed } };
  const { method, reason } = byRest ? chooseMethod(first.totalSize, context.limits.restRows, run.job.bulkRefused) : first;
  const slice = await saveSlice(context.database, run, planned.ordinal, { state: 'extracting', countBefore, method, reason });
  return { slice, firstPage: byRest && method === 'rest' ? first : undefined };
}

/** Describes the object, once per run. @returns its fields if they differ from the run's */
async function describeUnlessDone({ context, client, run, knownFields }: Extraction): Promise<DescribedField[] | undefined> {
  if (run.described) return undefined;
  await requireQuota(context, run.orgId);
  const { fields } = await context.describes.get(client, run.job.connectionId, run.job.objectName, run.grantedAt);
  if (!isDeepStrictEqual(fields, knownFields)) return fields;
  await saveDescribed(context.database, run);
  return undefined;
}

/** @returns the page, or why only Bulk can read the slice */
async function readFirstPage(extraction: Extraction, slice: Slice, range: RowRange): Promise<RestPage | NotByRest> {
  const { client, run, signal } = extraction;
  const names = requestedFields(extraction, slice);
  const path = queryPath(client, selectRows(range, names));
  const tooLong = 'the query is too long for a URI';
  // If Bulk refuses the object, it can still be read in field groups.
  if (!path && run.job.bulkRefused) throw refusedQueryError(run.job.objectName, { code: 'QUERY_TOO_COMPLICATED', message: tooLong });
  if (!path) return { method: 'bulk', reason: tooLong, why: tooLong };
  try {
    return await readRestPage(client, path, names, signal);
  } catch (error) {
    const code = toFieldRefusal(error) ? undefined : queryTooLargeReason(error, run);
    if (!code) throw error;
    const why = isAppError(error) ? error.message.replace(/^C/, 'c').replace(/\.$/, '') : code;
    // Bulk queries have a longer timeout.
    return { method: 'bulk', reason: `REST gave up on it (${code})`, why };
  }
}

function readByNeither(objectName: string, byRest: string, byBulk: string): AppError {
  return new AppError(
    'salesforce_refused',
    `Neither REST (${byRest}) nor Bulk (${byBulk}) can read ${objectName}. Hide fields from the connection's user, or choose another object.`,
  );
}
