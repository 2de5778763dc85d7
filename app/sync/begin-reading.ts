import { fieldNames } from '../core/columns.ts';
import { type Choice, chooseMethod } from '../core/method.ts';
import { AppError } from '../errors.ts';
import { queryPath, type RestPage, readRestPage } from '../salesforce/rest.ts';
import { type RowRange, selectRows } from '../salesforce/soql.ts';
import { type Slice, saveSlice } from '../store/slices.ts';
import { requireQuota } from './quota.ts';
import type { Extraction } from './stage-slice.ts';
import { tooMuch } from './too-much.ts';
import { tryCount } from './try-count.ts';

/** A slice whose method is chosen; read by REST, with the page that was read already. */
export interface Reading {
  slice: Slice;
  firstPage: RestPage | undefined;
}

/**
 * Asks for the first page by REST, which also tells how many rows there are, and chooses how to read them all: an empty window costs
 * this one call, a small one little more. What an earlier attempt chose stays chosen.
 */
export async function beginReading(extraction: Extraction, planned: Slice, range: RowRange): Promise<Reading> {
  if (planned.method) return { slice: planned, firstPage: undefined };
  const { context, run } = extraction;
  await requireQuota(context, run.orgId);
  const first = await readFirstPage(extraction, range);
  const byRest = 'totalSize' in first;
  if (!byRest && run.job.bulkRefused) {
    throw new AppError(
      'salesforce_refused',
      `${run.job.objectName} can be read neither by REST (${first.reason}) nor by Bulk (${run.job.bulkRefused}): hide fields from the user, or choose another object.`,
    );
  }
  const countBefore = byRest ? first.totalSize : await tryCount(extraction, range);
  const choice = byRest ? chooseMethod(first.totalSize, context.limits.restRows, run.job.bulkRefused) : first;
  const slice = await saveSlice(context.database, run, planned.ordinal, { state: 'extracting', countBefore, ...choice });
  return { slice, firstPage: byRest && choice.method === 'rest' ? first : undefined };
}

/** @returns the page, or why only Bulk can read this */
async function readFirstPage({ client, run, columns, signal }: Extraction, range: RowRange): Promise<RestPage | Choice> {
  const names = fieldNames(columns);
  const path = queryPath(client, selectRows(range, names));
  if (!path) return { method: 'bulk', reason: 'the query is too long for a URI' };
  try {
    return await readRestPage(client, path, names, signal);
  } catch (error) {
    const reason = tooMuch(error, run);
    if (!reason) throw error;
    // Bulk has more time.
    return { method: 'bulk', reason: `REST gave up on it (${reason})` };
  }
}
