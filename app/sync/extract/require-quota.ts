import type { Context } from '../../context.ts';
import { whyNoCall } from '../../core/quota.ts';
import { AppError } from '../../errors.ts';

/**
 * Asked before a reading begins, and before each Bulk job and page: whether there is room left in the org's allowance. Not before each
 * call, since what was begun by REST, or has only to be counted, would then be thrown away for a handful of calls.
 * @throws AppError salesforce_quota where the run is to go on later
 */
export async function requireQuota({ calls, config }: Context, orgId: string): Promise<void> {
  const quota = await calls.quota(orgId);
  const reason = whyNoCall(quota, config.apiShare);
  if (!reason) return;
  const { ours, told } = quota;
  throw new AppError('salesforce_quota', reason, { details: { ours, used: told!.used, limit: told!.limit, share: config.apiShare } });
}
