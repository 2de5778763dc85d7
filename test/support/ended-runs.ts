import type { TestService } from './service.ts';

/** A run that has ended, one per day from 2 March 2023 on. */
export interface EndedRun {
  rows?: number;
  seconds?: number;
  invalid?: Record<string, number>;
  billed?: number;
  version?: string;
  failed?: boolean;
}

/** Adds a job with runs to the only connection. @returns its id */
export async function addJob(service: TestService, object: string, runs: readonly EndedRun[]): Promise<string> {
  const { pool } = service.database;
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, every, start_date, synced_to, wanted_to)
     SELECT id, $1, 'SystemModstamp', 'salesforce', $1, 'day', '2023-03-01', '2023-03-02', '2023-03-02' FROM connections RETURNING id`,
    [object],
  );
  const [{ id }] = rows as [{ id: string }];
  for (const [day, { rows = 0, seconds = 2, invalid = {}, billed = 0, version, failed }] of runs.entries()) {
    const receipt = { distinct_ids: rows, invalid_values: invalid, bytes_billed: billed, verdict: 'exact', methods: ['rest'] };
    await pool.query(
      `WITH run AS (
         INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, receipt, run_at, created_at, started_at, finished_at, version)
         SELECT $1, connection_id, 'window', $2::timestamptz - interval '1 day', $2, $3, $4, $2, $2, $2, $2::timestamptz + $5 * interval '1 second', $6
         FROM jobs WHERE id = $1 RETURNING id)
       INSERT INTO billed (statement, run_id, bytes) SELECT id::text, id, $7 FROM run`,
      [id, new Date(Date.UTC(2023, 2, day + 2)), failed ? 'failed' : 'succeeded', failed ? null : receipt, seconds, version, billed],
    );
  }
  return id;
}
