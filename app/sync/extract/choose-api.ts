import { isDeepStrictEqual } from 'node:util';
import { chooseMethod, type MethodChoice } from '../../core/runs/method.ts';
import { AppError, isAppError } from '../../errors.ts';
import type { ObjectDescription } from '../../salesforce/describe.ts';
import { refusedQueryError, toFieldRefusal } from '../../salesforce/field-refusal.ts';
import type { RestPage, RowCount } from '../../salesforce/rest.ts';
import { type RowRange, selectRows } from '../../salesforce/soql.ts';
import type { Run } from '../../store/runs/runs.ts';
import { type Slice, saveSlice } from '../../store/runs/slices.ts';
import { countOrNull } from './count-or-null.ts';
import { type Extraction, type FieldsChanged, requestedFields, type TooLarge } from './extraction.ts';
import { queryTooLargeReason } from './query-too-large-reason.ts';
import { readPageAlone } from './read-page-alone.ts';
import { recordDescribed } from './record-described.ts';
import { requireQuota } from './require-quota.ts';

/** The counts of a slice without rows. */
export const NO_ROWS = { state: 'staged', countBefore: 0, countAfter: 0, processed: 0, staged: 0 } as const;

/** A slice with its chosen method and, for REST, the page that was already read; without rows, it is staged. */
export interface Chosen {
  kind: 'chosen';
  run: Run;
  slice: Slice;
  firstPage: RestPage | undefined;
}

/** The first page of a slice, or why only Bulk can read it. */
type FirstPage =
  /** `description` undefined: the object was not described in the same call */
  | { kind: 'page'; page: RestPage | RowCount; description?: ObjectDescription | undefined }
  /** `reason` for the receipt; `why` as a phrase, for the error if Bulk refuses the object as well */
  | { kind: 'bulk-only'; reason: string; why: string };

/**
 * Requests the first page by REST, in one call with those of the runs claimed together, which also returns the number of rows, and chooses how to read them all: an empty window costs only
 * this call, a small one few more. If there are rows, the run's fields must be described before they are read. An earlier attempt's choice
 * stays.
 * @param canBeCut whether TooLarge may be returned: if Bulk refuses the object and REST takes too long for this many rows
 */
export async function chooseApi(
  extraction: Extraction,
  planned: Slice,
  range: RowRange,
  canBeCut: boolean,
): Promise<Chosen | TooLarge | FieldsChanged> {
  const { context, run } = extraction;
  const { bulkRefused, objectName } = run.job;
  if (planned.method) return { kind: 'chosen', run, slice: planned, firstPage: undefined };
  await requireQuota(context, run);
  const requestedAt = new Date();
  const first = await readFirstPage(extraction, planned, range);
  if (first.kind === 'bulk-only' && bulkRefused) {
    // REST may succeed with fewer rows.
    if (canBeCut) return { kind: 'too-large', slice: planned, parts: 2 };
    throw readByNeither(objectName, first.why, bulkRefused);
  }
  const countBefore = first.kind === 'page' ? first.page.totalSize : await countOrNull(extraction, range);
  const described = await describeIfRows(extraction, countBefore, first.kind === 'page' ? first.description : undefined);
  if (described.kind === 'fields-changed') return described;
  const choice: MethodChoice =
    first.kind === 'page'
      ? chooseMethod(first.page.totalSize, context.limits.restRows, bulkRefused)
      : { method: 'bulk', reason: first.reason };
  const progress = countBefore === 0 ? NO_ROWS : ({ state: 'extracting', countBefore } as const);
  const slice = await saveSlice(context.database, run, planned.ordinal, { ...progress, requestedAt, ...choice });
  const firstPage = first.kind === 'page' && first.page.rows && choice.method === 'rest' ? first.page : undefined;
  return { kind: 'chosen', run: described.run, slice, firstPage };
}

/** Describes the object, once per run and only if there are rows. */
async function describeIfRows(
  extraction: Extraction,
  count: number | null,
  description: ObjectDescription | undefined,
): Promise<{ kind: 'described'; run: Run } | FieldsChanged> {
  const { context, run, seen } = extraction;
  if (count === 0 || run.described) return { kind: 'described', run };
  const { fields } = description ?? (await describe(extraction));
  if (!seen || !isDeepStrictEqual(fields, seen.fields)) return { kind: 'fields-changed', fields };
  return { kind: 'described', run: await recordDescribed(context, run, seen) };
}

async function describe({ context, client, run }: Extraction): Promise<ObjectDescription> {
  await requireQuota(context, run);
  return await context.describes.get(client, run.job.connectionId, run.job.objectName, run.grantedAt);
}

async function readFirstPage(extraction: Extraction, slice: Slice, range: RowRange): Promise<FirstPage> {
  const { run } = extraction;
  const columns = requestedFields(extraction, slice);
  const query = { objectName: run.job.objectName, soql: selectRows(range, columns), columns };
  try {
    const shared = await extraction.group?.firstPage(run, query, extraction.signal);
    if (shared) return { kind: 'page', ...shared };
    const page = await readPageAlone(extraction, query);
    return page ? { kind: 'page', page } : bulkOnly(run.job, TOO_LONG);
  } catch (error) {
    const code = toFieldRefusal(error) ? undefined : await queryTooLargeReason(extraction, error);
    if (!code) throw error;
    const why = isAppError(error) ? error.message.replace(/^C/, 'c').replace(/\.$/, '') : code;
    // Bulk queries have a longer timeout.
    return { kind: 'bulk-only', reason: `too large for REST (${code})`, why };
  }
}

const TOO_LONG = 'the query is too long for a URI';

function bulkOnly({ objectName, bulkRefused }: Run['job'], reason: string): FirstPage {
  // If Bulk refuses the object, it can still be read in field groups.
  if (bulkRefused) throw refusedQueryError(objectName, { code: 'QUERY_TOO_COMPLICATED', message: reason });
  return { kind: 'bulk-only', reason, why: reason };
}

function readByNeither(objectName: string, byRest: string, byBulk: string): AppError {
  return new AppError(
    'salesforce_refused',
    `Neither REST (${byRest}) nor Bulk (${byBulk}) can read ${objectName}. Hide fields from the connection's user, or choose another object.`,
  );
}
