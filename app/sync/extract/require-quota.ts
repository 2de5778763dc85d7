import type { Context } from '../../context.ts';
import { quotaExhaustedMessage, settingOf } from '../../core/connections/quota.ts';
import { AppError } from '../../errors.ts';
import type { Run } from '../../store/runs/runs.ts';

/** Repairs leave a quarter of our calls to the windows. */
const REPAIR_PART = 0.75;

/**
 * Checks the org's quota before each extraction, Bulk job, and Bulk page. Not before each call: that would discard a started REST
 * extraction, or one that only needs its count, to save a few calls.
 * @throws AppError salesforce_quota if the run must be deferred
 */
export async function requireQuota({ calls, config }: Context, run: Pick<Run, 'orgId' | 'pass' | 'apiShare'>): Promise<void> {
  const quota = await calls.quota(run.orgId);
  const whole = run.apiShare ?? config.apiShare;
  const share = run.pass.kind === 'window' ? whole : whole * REPAIR_PART;
  const reason = quotaExhaustedMessage(quota, share, settingOf(run));
  if (!reason) return;
  const { ownCalls, reported: usage } = quota;
  throw new AppError('salesforce_quota', reason, {
    details: { ours: ownCalls, used: usage!.used, limit: usage!.limit, share },
  });
}
