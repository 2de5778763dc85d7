import { foundStatement } from '../../bigquery/sql/sweep-statements.ts';
import { chunk } from '../../core/chunk.ts';
import { isLongId } from '../../core/connections/identity.ts';
import { findExistingIds, MAX_IDS_PER_QUERY } from '../../salesforce/existing-ids.ts';
import type { Extraction } from '../extract/extraction.ts';
import { requireQuota } from '../extract/require-quota.ts';
import { runOnce } from '../run-once.ts';
import { type Comparison, sweptIds } from './compare-with-org.ts';

/**
 * Queries each record again by its Id that a sweep did not find. Those that exist after all count as different from then on.
 * @throws AppError salesforce_quota
 */
export async function confirmMissing(extraction: Extraction, comparison: Comparison): Promise<void> {
  for await (const ids of sweptIds(extraction, comparison, 'missing')) {
    const found = await findExisting(extraction, ids);
    if (found.length > 0) await runOnce(extraction, 'found', foundStatement(comparison.table, found));
  }
}

async function findExisting({ context, client, run, signal }: Extraction, ids: readonly string[]): Promise<string[]> {
  // What else a user may have inserted as an Id cannot be one of a record.
  const possible = ids.filter(isLongId);
  const found: string[] = [];
  for (const part of chunk(possible, MAX_IDS_PER_QUERY)) {
    signal.throwIfAborted();
    await requireQuota(context, run);
    found.push(...(await findExistingIds(client, run.job.objectName, part)));
  }
  return found;
}
