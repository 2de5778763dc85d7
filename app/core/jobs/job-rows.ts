import type { JOB_COLUMNS, RowOfColumns } from '../fields/metadata-tables.ts';
import { MIN_DATE } from '../runs/window.ts';

/** What the job store knows about a job and its runs. */
export interface JobStatus {
  readonly jobId: string;
  readonly objectName: string;
  readonly targetTable: string;
  readonly syncedTo: Date;
  /** when its latest successful window run ended; null: none */
  readonly lastSuccessAt: Date | null;
  readonly every: string;
  readonly active: boolean;
  readonly needsLogin: boolean;
  /** of its latest window run, if that failed or is open; null: no error */
  readonly errorCode: string | null;
  readonly startDate: Date;
}

/** The row of `_jobs`. */
export function toJobRow(job: JobStatus): RowOfColumns<typeof JOB_COLUMNS> {
  return {
    job: job.jobId,
    object: job.objectName,
    table_name: job.targetTable,
    last_date: dateOf(job.syncedTo),
    last_success_at: job.lastSuccessAt?.toISOString() ?? null,
    every: job.every,
    active: job.active,
    needs_login: job.needsLogin,
    error_code: job.errorCode,
    start_date: dateOf(job.startDate),
  };
}

/** Null for the start of a job that imports all records. */
function dateOf(date: Date): string | null {
  return date.getTime() === MIN_DATE.getTime() ? null : date.toISOString();
}
