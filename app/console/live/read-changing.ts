import { readFingerprints } from '../../store/run-fingerprints.ts';
import type { Visit } from '../route.ts';

/** How often live pages of jobs and runs look for changes, in milliseconds. */
export const LOOK_MS = 2_000;

/** How old what they show may be while nothing is in progress, and while nothing of what is in progress changes. */
const IDLE_MS = 5_000;
const UNCHANGED_MS = 10_000;

/**
 * What a live page shows of a job or a run: read again when that has changed, and else rarely. All pages find changes by one statement.
 * @param kind what is read, for example "run"
 * @param id of the job or run
 * @returns the same object as before if it was not read again
 */
export async function readChanging<T>({ context, shared }: Visit, kind: string, id: string, read: () => Promise<T>): Promise<T> {
  const fingerprints = await shared.read('fingerprints', LOOK_MS - 100, () => readFingerprints(context.database));
  const fingerprint = fingerprints.get(id);
  const idle = `${kind} ${id}`;
  if (fingerprint === undefined) return await shared.read(idle, IDLE_MS, read);
  // Once the run has ended, what was shown before it must not be shown again.
  shared.forget(idle);
  return await shared.read(`${idle} ${fingerprint}`, UNCHANGED_MS, read);
}
