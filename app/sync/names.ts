import type { TableName } from '../bigquery/sql.ts';
import type { Context } from '../context.ts';
import type { Job } from '../store/jobs.ts';
import type { Page } from '../store/pages.ts';
import type { Slice } from '../store/slices.ts';

/**
 * The names of everything that a run starts elsewhere. They are made of run, slice, field group, generation, page and a try number, never of a
 * lease's attempt: a worker that lost its lease and the one that took over ask for the same, and the second is told 409.
 */

const DAY_MS = 24 * 60 * 60 * 1000;

/** Longer than Salesforce keeps a Bulk job's results. */
const STAGING_DAYS = 8;

export function stagingTable(context: Context, runId: string, slice: Pick<Slice, 'ordinal' | 'fieldGroup' | 'generation'>): TableName {
  return inStaging(context, `stage_${compact(runId)}_${slice.ordinal}_${slice.fieldGroup}_${slice.generation}`);
}

export function deltaTable(context: Context, runId: string): TableName {
  return inStaging(context, `delta_${compact(runId)}`);
}

export function targetTable(context: Context, job: Pick<Job, 'targetDataset' | 'targetTable'>): TableName {
  return { project: context.config.bigquery.project, dataset: job.targetDataset, table: job.targetTable };
}

/** The table of values that did not cast, one a dataset. */
export function invalidValuesTable(context: Context, job: Pick<Job, 'targetDataset'>): TableName {
  return { project: context.config.bigquery.project, dataset: job.targetDataset, table: '_invalid_values' };
}

export function loadJobId(runId: string, page: Page, tryNumber: number): string {
  return `sync_${compact(runId)}_load_${page.slice}_${page.fieldGroup}_${page.generation}_${page.number}_${tryNumber}`;
}

/** A delta is built of what the slices' last generations staged: another generation makes another job of it. */
export function deltaJobId(runId: string, slices: readonly Slice[], tryNumber: number): string {
  return `sync_${compact(runId)}_delta_${slices.map((slice) => slice.generation).join('_')}_${tryNumber}`;
}

export function mergeJobId(runId: string, tryNumber: number): string {
  return `sync_${compact(runId)}_merge_${tryNumber}`;
}

/** For a statement that may be run again, and has another id then. */
export function onceJobId(runId: string, what: string, uuid: string): string {
  return `sync_${compact(runId)}_${what}_${compact(uuid)}`;
}

/** When a run's tables may go. The same for every attempt of it. */
export function stagingExpiry(createdAt: Date): Date {
  return new Date(createdAt.getTime() + STAGING_DAYS * DAY_MS);
}

/** Labels of a run's jobs and tables: lower case, as BigQuery wants them. */
export function runLabels(runId: string, job: Pick<Job, 'id' | 'objectName'>): Record<string, string> {
  return { run: runId, job: job.id, object: job.objectName.toLowerCase().slice(0, 63) };
}

function inStaging(context: Context, table: string): TableName {
  return { project: context.config.bigquery.project, dataset: context.config.bigquery.stagingDataset, table };
}

function compact(runId: string): string {
  return runId.replaceAll('-', '');
}
