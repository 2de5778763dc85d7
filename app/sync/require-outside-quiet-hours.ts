import { quietUntil } from '../core/jobs/quiet-hours.ts';
import { formatInstant } from '../core/jobs/start-date.ts';
import { isExclusive } from '../core/runs/pass.ts';
import { AppError } from '../errors.ts';
import type { Run } from '../store/runs/runs.ts';

/**
 * A repair waits while its connection has quiet hours. Not one that has read something and holds its table: the windows of its job would
 * wait as long.
 * @throws AppError quiet_hours, to wait for their end
 */
export function requireOutsideQuietHours(run: Pick<Run, 'pass' | 'job' | 'columns' | 'quietHours'>, now: Date): void {
  if (run.pass.kind === 'window' || (run.columns !== null && isExclusive(run.pass, run.job))) return;
  const until = quietUntil(run.quietHours, now);
  if (!until) return;
  throw new AppError(
    'quiet_hours',
    `The connection has quiet hours (${run.quietHours}) until ${formatInstant(until)}. The repair starts or continues after that. To run it sooner, change quiet_hours.`,
    { retryAfterMs: until.getTime() - now.getTime() },
  );
}
