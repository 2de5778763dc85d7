import { RUNS_TABLE, SCHEMA_CHANGES_TABLE } from '../../core/fields/metadata-tables.ts';
import { type EndedRun, schemaChangesOf, toRunRow } from '../../core/runs/run-rows.ts';
import type { Queryable } from '../database.ts';
import { insertBatch } from '../outbox/outbox.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** About a megabyte of rows. With a batch every five minutes, more than half a million runs a day. */
const MAX_RUNS_PER_BATCH = 2_000;

/**
 * Copies the oldest ended runs of a dataset that no batch contains yet into a batch, and marks them. Must be called in a transaction. Call
 * it until it returns 0 before deleting ended runs that may not be in a batch yet. Uses runs_unbatched, runs_by_job and billed_by_run.
 * @returns how many runs
 */
export async function batchEndedRuns(client: Queryable, dataset: string): Promise<number> {
  // A run that applied its schema has decided whether its MERGE only inserts. A sweep reads too few fields to show drift.
  const { rows } = await client.query<RowOf<EndedRun>>(
    `SELECT runs.id AS run_id, runs.job_id, jobs.object_name, jobs.target_table, runs.kind, runs.window_from, runs.window_to, runs.state,
       runs.error_code, runs.attempt, runs.created_at, runs.started_at, runs.finished_at, runs.receipt, runs.actions,
       (SELECT coalesce(sum(bytes), 0)::bigint FROM billed WHERE billed.run_id = runs.id) AS bytes_billed,
       CASE WHEN runs.insert_only IS NOT NULL AND runs.kind <> 'sweep' THEN runs.drift END AS drift,
       (SELECT earlier.drift FROM runs AS earlier
        WHERE earlier.job_id = runs.job_id AND earlier.created_at < runs.created_at AND earlier.insert_only IS NOT NULL AND earlier.kind <> 'sweep'
        ORDER BY earlier.created_at DESC LIMIT 1) AS previous_drift
     FROM runs JOIN jobs ON jobs.id = runs.job_id
     WHERE runs.finished_at IS NOT NULL AND NOT runs.batched AND jobs.target_dataset = $1
     ORDER BY runs.finished_at, runs.id LIMIT $2 FOR NO KEY UPDATE OF runs SKIP LOCKED`,
    [dataset, MAX_RUNS_PER_BATCH],
  );
  const runs = rows.map(toRecord);
  if (runs.length === 0) return 0;
  await insertBatch(client, dataset, RUNS_TABLE.name, runs.map(toRunRow));
  const changes = runs.flatMap(schemaChangesOf);
  if (changes.length > 0) await insertBatch(client, dataset, SCHEMA_CHANGES_TABLE.name, changes);
  await client.query('UPDATE runs SET batched = true WHERE id = ANY($1::uuid[])', [runs.map(({ runId }) => runId)]);
  return runs.length;
}
