import { type Choice, chooseMethod } from '../core/method.ts';
import { AppError, isAppError } from '../errors.ts';
import { queryPath, type RestPage, readRestPage } from '../salesforce/rest.ts';
import { type RowRange, selectRows } from '../salesforce/soql.ts';
import { type Slice, saveSlice } from '../store/slices.ts';
import { type Extraction, requestedFields, type TooLarge } from './extraction.ts';
import { requireQuota } from './quota.ts';
import { tooMuch } from './too-much.ts';
import { tryCount } from './try-count.ts';

/** A slice whose method is chosen; read by REST, with the page that was read already. */
export interface Reading {
  slice: Slice;
  firstPage: RestPage | undefined;
}

/** Why only Bulk can read a slice. */
interface NotByRest extends Choice {
  /** as a part of a sentence, for where Bulk refuses the object as well */
  why: string;
  /** REST may be able to read fewer rows */
  tooLarge: boolean;
}

/**
 * Asks for the first page by REST, which also tells how many rows there are, and chooses how to read them all: an empty window costs
 * this one call, a small one little more. What an earlier attempt chose stays chosen.
 * @param canBeCut whether TooLarge may be answered: where Bulk refuses the object, and REST takes too long for so many rows
 */
export async function beginReading(
  extraction: Extraction,
  planned: Slice,
  range: RowRange,
  canBeCut: boolean,
): Promise<Reading | TooLarge> {
  if (planned.method) return { slice: planned, firstPage: undefined };
  const { context, run } = extraction;
  await requireQuota(context, run.orgId);
  const first = await readFirstPage(extraction, planned, range);
  const byRest = 'totalSize' in first;
  if (!byRest && run.job.bulkRefused) {
    if (first.tooLarge && canBeCut) return { cut: planned, parts: 2 };
    throw readByNeither(run.job.objectName, first.why, run.job.bulkRefused);
  }
  const countBefore = byRest ? first.totalSize : await tryCount(extraction, range);
  const { method, reason } = byRest ? chooseMethod(first.totalSize, context.limits.restRows, run.job.bulkRefused) : first;
  const slice = await saveSlice(context.database, run, planned.ordinal, { state: 'extracting', countBefore, method, reason });
  return { slice, firstPage: byRest && method === 'rest' ? first : undefined };
}

/** @returns the page, or why only Bulk can read this */
async function readFirstPage(extraction: Extraction, slice: Slice, range: RowRange): Promise<RestPage | NotByRest> {
  const { client, run, signal } = extraction;
  const names = requestedFields(extraction, slice);
  const path = queryPath(client, selectRows(range, names));
  const reason = 'the query is too long for a URI';
  if (!path) return { method: 'bulk', reason, why: reason, tooLarge: false };
  try {
    return await readRestPage(client, path, names, signal);
  } catch (error) {
    const code = tooMuch(error, run);
    if (!code) throw error;
    const why = isAppError(error) ? error.message.replace(/^C/, 'c').replace(/\.$/, '') : code;
    // Bulk has more time.
    return { method: 'bulk', reason: `REST gave up on it (${code})`, why, tooLarge: code !== 'QUERY_TOO_COMPLICATED' };
  }
}

function readByNeither(objectName: string, byRest: string, byBulk: string): AppError {
  return new AppError(
    'salesforce_refused',
    `${objectName} can be read neither by REST (${byRest}) nor by Bulk (${byBulk}). Hide fields from the connection's user, or choose another object.`,
  );
}
