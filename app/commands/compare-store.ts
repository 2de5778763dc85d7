import type { Context } from '../context.ts';
import { abortable } from '../core/abortable.ts';

/** How long a command waits for the comparison. */
const MAX_WAIT_MS = 10_000;

/**
 * Compares the job store with BigQuery, as the service does all the time: then what a restored or copied store must not do is refused. A
 * BigQuery that does not respond says nothing about the store.
 */
export async function compareStore({ agreement }: Pick<Context, 'agreement'>): Promise<void> {
  await abortable(AbortSignal.timeout(MAX_WAIT_MS), agreement.current()).catch(() => {});
}
