import { randomUUID } from 'node:crypto';
import { deleteTableWrite, saveValuesWrite } from '../store/runs/table-writes.ts';
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
  await requireSucceeded(extraction, id, sql);
  return id;
}

/**
 * The same for a statement that stores values beside the target table. Records its id first: whatever becomes of this run, the next one to
 * write the target table, or to erase these values, waits for the statement. A worker that has lost the run requests nothing.
 */
export async function storeOnce(extraction: Extraction, what: string, sql: string): Promise<void> {
  const { database } = extraction.context;
  const id = onceJobId(extraction.run.runId, what, randomUUID());
  await saveValuesWrite(database, extraction.run, id);
  await requireSucceeded(extraction, id, sql);
  await deleteTableWrite(database, id);
}

async function requireSucceeded(extraction: Extraction, id: string, sql: string): Promise<void> {
  const outcome = await runStatement(extraction, id, sql);
  if (!outcome.succeeded) throw outcome.error;
}
