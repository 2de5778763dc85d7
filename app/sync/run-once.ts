import { randomUUID } from 'node:crypto';
import type { Extraction } from './extract/extraction.ts';
import { onceJobId } from './names.ts';
import { runStatement } from './run-statement.ts';

/**
 * Runs an idempotent statement of a run. Every call creates a new job, so no earlier job has to be found.
 * @param what names the statement in the job's id
 * @returns the job's id
 * @throws AppError
 */
export async function runOnce(extraction: Extraction, what: string, sql: string): Promise<string> {
  const id = onceJobId(extraction.run.runId, what, randomUUID());
  const outcome = await runStatement(extraction, id, sql);
  if (!outcome.succeeded) throw outcome.error;
  return id;
}
