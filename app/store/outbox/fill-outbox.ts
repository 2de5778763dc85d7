import type pg from 'pg';
import { FIELDS_TABLE, INSTALLATION_TABLE, JOBS_TABLE, RUNS_TABLE } from '../../core/fields/metadata-tables.ts';
import { batchInstallation } from '../batch-installation.ts';
import { type Queryable, transaction } from '../database.ts';
import { batchFields } from '../jobs/batch-fields.ts';
import { batchJobs } from '../jobs/batch-jobs.ts';
import { batchEndedRuns } from '../runs/batch-ended-runs.ts';
import { isDue, tryLockOutbox } from './outbox.ts';

/**
 * Creates the batches that are due: of the runs that have ended since the last one, and of the jobs and their fields if any has changed. An ended run needs
 * no other record until then: it is stored by the transaction that ends it, whichever code path or release that is, and no longer changes.
 * Does nothing while another process creates batches.
 */
export async function fillOutbox(database: pg.Pool): Promise<void> {
  await transaction(database, async (client) => {
    if (!(await tryLockOutbox(client))) return;
    for (const dataset of await readDatasets(client)) {
      if (await isDue(client, dataset, RUNS_TABLE.name)) await batchEndedRuns(client, dataset);
      if (await isDue(client, dataset, JOBS_TABLE.name)) await batchJobs(client, dataset);
      if (await isDue(client, dataset, FIELDS_TABLE.name)) await batchFields(client, dataset);
    }
  });
}

/**
 * Creates a batch with the job store's heartbeat, if it is due. Does nothing while another process creates batches.
 * @param address identifies the job store's address
 */
export async function fillInstallation(database: pg.Pool, dataset: string, address: string): Promise<void> {
  await transaction(database, async (client) => {
    if (!(await tryLockOutbox(client))) return;
    if (await isDue(client, dataset, INSTALLATION_TABLE.name)) await batchInstallation(client, dataset, address);
  });
}

/** The datasets of all jobs, and of those that had jobs, whose table of jobs must become empty. */
async function readDatasets(client: Queryable): Promise<string[]> {
  const { rows } = await client.query<{ dataset: string }>(
    'SELECT target_dataset AS dataset FROM jobs UNION SELECT dataset FROM outbox_batches WHERE table_name <> $1 ORDER BY dataset',
    [INSTALLATION_TABLE.name],
  );
  return rows.map(({ dataset }) => dataset);
}
