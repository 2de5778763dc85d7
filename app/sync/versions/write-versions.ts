import { saveRun } from '../../store/runs.ts';
import type { Extraction } from '../extract/extraction.ts';
import { versionsJobId } from '../names.ts';
import { retryJob } from '../retry-job.ts';
import { runTableWrite } from '../run-table-write.ts';

/**
 * Runs a statement that changes the job's table of versions, or adopts its job. Fenced like those that change the target table: the run must
 * have the table lease.
 * @param step names the statement in the job's id, for example `add`
 * @param of what it reads
 * @throws AppError bigquery_budget, lease_lost
 */
export async function writeVersions(extraction: Extraction, step: string, of: string, sql: string): Promise<void> {
  const { context, run } = extraction;
  await retryJob(
    extraction,
    run.versionsTry,
    (versionsTry) => saveRun(context.database, run, { versionsTry }),
    async (number) => await runTableWrite(extraction, versionsJobId(run.runId, step, of, number), sql),
  );
}
