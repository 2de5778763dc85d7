import { mapConcurrently } from '../core/map-concurrently.ts';
import { type ErrorCode, isAppError } from '../errors.ts';

/** What an action did with a job. */
export type Effect = 'changed' | 'already so';

/** Why a job was not changed. */
export interface Refusal {
  code: ErrorCode;
  message: string;
}

/** What became of several jobs. */
export interface BulkOutcome {
  changed: number;
  /** that were as the action leaves them */
  already: number;
  /** why the others were refused, in the order of the jobs */
  refusals: readonly Refusal[];
  /** how many were not reached in time */
  left: number;
  /** the last job that was reached; undefined: none */
  last: string | undefined;
}

/** Each takes a few statements and a connection of the pool, which others need as well. */
const CONCURRENCY = 4;

/**
 * Does one thing with each job, in order and exactly once. One that is refused does not stop the others.
 * @param isOver whether to stop before the next job
 * @throws the first unexpected error, once the actions in progress have ended
 */
export async function actOnEach(
  jobIds: readonly string[],
  act: (jobId: string) => Promise<Effect>,
  isOver: () => boolean,
): Promise<BulkOutcome> {
  let reached = 0;
  function* source(): Generator<string> {
    for (const id of jobIds) {
      if (isOver()) return;
      reached++;
      yield id;
    }
  }
  const outcomes = await mapConcurrently(CONCURRENCY, new AbortController().signal, source, async (id) => {
    try {
      return await act(id);
    } catch (error) {
      if (!isAppError(error) || error.code === 'internal') throw error;
      return { code: error.code, message: error.message };
    }
  });
  return {
    changed: outcomes.filter((outcome) => outcome === 'changed').length,
    already: outcomes.filter((outcome) => outcome === 'already so').length,
    refusals: outcomes.filter((outcome) => typeof outcome === 'object'),
    left: jobIds.length - reached,
    last: jobIds[reached - 1],
  };
}
