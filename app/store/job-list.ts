import { CREATED_DATE } from '../core/cursor.ts';
import type { Receipt } from '../core/receipt.ts';
import type { RunState } from '../core/run-state.ts';
import type { Queryable } from './database.ts';
import type { JobFilter } from './jobs.ts';

/** A job with its connection and its latest run, for display. */
export interface ListedJob {
  userId: string;
  needsLogin: boolean;
  objectName: string;
  targetDataset: string;
  targetTable: string;
  appendOnly: boolean;
  startDate: Date;
  syncedTo: Date;
  wantedTo: Date;
  /** rows stamped from here on were committed too late for their window: the next window reads them again; null: none */
  rereadFrom: Date | null;
  active: boolean;
  run: ListedRun | null;
}

export interface ListedRun {
  id: string;
  windowFrom: Date;
  windowTo: Date;
  state: RunState;
  /** the run does not start before */
  runAt: Date;
  failures: number;
  errorCode: string | null;
  errorMessage: string | null;
  receipt: Receipt | null;
  finishedAt: Date | null;
}

interface Row {
  identity_url: string;
  status: string;
  object_name: string;
  target_dataset: string;
  target_table: string;
  append_only: boolean;
  start_date: Date;
  synced_to: Date;
  wanted_to: Date;
  reread_from: Date | null;
  active: boolean;
  run_id: string | null;
  window_from: Date;
  window_to: Date;
  state: RunState;
  run_at: Date;
  failures: number;
  error_code: string | null;
  error_message: string | null;
  receipt: Receipt | null;
  finished_at: Date | null;
}

/** The jobs that match the filter, in order of creation. Uses runs_by_job. */
export async function listJobs(database: Queryable, filter: JobFilter = {}): Promise<ListedJob[]> {
  const { rows } = await database.query<Row>(
    `SELECT connections.identity_url, connections.status, jobs.object_name, jobs.target_dataset, jobs.target_table,
       jobs.append_only OR jobs.cursor_field = $3 AS append_only, jobs.start_date, jobs.synced_to, jobs.wanted_to, jobs.reread_from, jobs.active,
       run.id AS run_id, run.window_from, run.window_to, run.state, run.run_at, run.failures, run.error_code, run.error_message,
       run.receipt, run.finished_at
     FROM jobs
     JOIN connections ON connections.id = jobs.connection_id
     LEFT JOIN LATERAL (SELECT * FROM runs WHERE runs.job_id = jobs.id ORDER BY created_at DESC LIMIT 1) AS run ON true
     WHERE ($1::bigint IS NULL OR jobs.connection_id = $1) AND ($2::uuid IS NULL OR jobs.id = $2)
     ORDER BY jobs.created_at, jobs.id`,
    [filter.connectionId ?? null, filter.jobId ?? null, CREATED_DATE],
  );
  return rows.map((row) => ({
    userId: row.identity_url,
    needsLogin: row.status !== 'active',
    objectName: row.object_name,
    targetDataset: row.target_dataset,
    targetTable: row.target_table,
    appendOnly: row.append_only,
    startDate: row.start_date,
    syncedTo: row.synced_to,
    wantedTo: row.wanted_to,
    rereadFrom: row.reread_from,
    active: row.active,
    run: row.run_id === null ? null : toRun(row, row.run_id),
  }));
}

function toRun(row: Row, id: string): ListedRun {
  return {
    id,
    windowFrom: row.window_from,
    windowTo: row.window_to,
    state: row.state,
    runAt: row.run_at,
    failures: row.failures,
    errorCode: row.error_code,
    errorMessage: row.error_message,
    receipt: row.receipt,
    finishedAt: row.finished_at,
  };
}
