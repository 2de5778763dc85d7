import { readVersionsTry, saveRun } from '../../store/runs/runs.ts';
import type { Extraction } from '../extract/extraction.ts';
import { fenceOwnWrites } from '../merge/fence-other-writes.ts';
import { versionsJobId } from '../names.ts';
import { retryJob } from '../retry-job.ts';
import { runTableWrite } from '../run-table-write.ts';

/**
 * Runs a statement that changes the job's table of versions, or adopts its job. Fenced like those that change the target table: the run must
 * have the table lease. All of a run share one try number, which an earlier attempt may have increased after it requested this one, so its
 * others are fenced as well.
 * @param step names the statement in the job's id, for example `add`
 * @param of what it reads
 * @throws AppError bigquery_budget, lease_lost
 */
export async function writeVersions(extraction: Extraction, step: string, of: string, sql: string): Promise<void> {
  const { context, run } = extraction;
  await retryJob(
    extraction,
    await readVersionsTry(context.database, run),
    (versionsTry) => saveRun(context.database, run, { versionsTry }),
    async (number) => {
      const id = versionsJobId(run.runId, step, of, number);
      await fenceOwnWrites(context, run, id);
      return await runTableWrite(extraction, id, sql);
    },
  );
}
