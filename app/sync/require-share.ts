import type { Context } from '../context.ts';
import { exceedsShare } from '../core/connections/share-limit.ts';
import { acceptedVerdict, type Receipt } from '../core/runs/receipt.ts';
import { AppError } from '../errors.ts';
import { readAcceptance } from '../store/runs/accept-run.ts';
import type { Run } from '../store/runs/runs.ts';

/**
 * Checks that a run does not take away too many of a table's live rows because Salesforce no longer returns them. If an operator accepted a
 * number of them, as many more may be missing as need no operator: records are deleted meanwhile.
 * @returns who accepted the number, if it had to be accepted
 * @throws AppError share_limit, in which case the table must stay unchanged
 */
export async function requireShare(
  { database }: Context,
  run: Run,
  { missing, live }: { missing: number; live: number },
): Promise<Pick<Receipt, 'verdict' | 'accepted_by'> | undefined> {
  if (!exceedsShare(missing, live)) return undefined;
  const acceptance = await readAcceptance(database, run);
  const reason = `${missing} of ${live} rows are missing in Salesforce`;
  if (acceptance?.code === 'share_limit' && !exceedsShare(Math.max(0, missing - acceptance.rows), live)) {
    return { verdict: acceptedVerdict(reason), accepted_by: acceptance.by };
  }
  throw new AppError(
    'share_limit',
    `${reason}, so the table of ${run.job.objectName} was left unchanged. Check that the connection's user can see all of its records. If they were deleted, accept this: POST /v1/runs/${run.runId}/accept.`,
    { acceptable: missing, details: { missing, live } },
  );
}
