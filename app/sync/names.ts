import { createHash } from 'node:crypto';
import type { TableName } from '../bigquery/sql/quote.ts';
import type { Context } from '../context.ts';
import { VERSIONS_SUFFIX, VERSIONS_VIEW_SUFFIX } from '../core/fields/versions.ts';
import type { Job } from '../store/jobs/jobs.ts';
import type { Batch } from '../store/outbox/outbox.ts';
import type { Page } from '../store/runs/pages.ts';
import type { Slice } from '../store/runs/slices.ts';

/**
 * The names of everything that a run creates in BigQuery. They consist of run, slice, field group, generation, page, and try number, never
 * of a lease's attempt: a worker that lost its lease and its successor request the same name, and the second gets a 409.
 */

const DAY_MS = 24 * 60 * 60 * 1000;

/** Longer than Salesforce keeps a Bulk job's results. */
const STAGING_DAYS = 8;

export function stagingTable(context: Context, runId: string, slice: Pick<Slice, 'ordinal' | 'fieldGroup' | 'generation'>): TableName {
  return inStaging(context, `stage_${compact(runId)}_${slice.ordinal}_${slice.fieldGroup}_${slice.generation}`);
}

/** @param of the slices and generations it is built from: other generations get another table, so that no MERGE of one is adopted for the other */
export function deltaTable(context: Context, runId: string, of: string): TableName {
  return inStaging(context, `delta_${compact(runId)}_${digest(of)}`);
}

/** The table that compares a sweep's keys with the target table. @param of the delta tables that it compares */
export function comparisonTable(context: Context, runId: string, of: string): TableName {
  return inStaging(context, `sweep_${compact(runId)}_${digest(of)}`);
}

/** A table in the staging dataset. */
export function inStaging(context: Context, table: string): TableName {
  return { project: context.config.bigquery.project, dataset: context.config.bigquery.stagingDataset, table };
}

export function targetTable(context: Context, job: Pick<Job, 'targetDataset' | 'targetTable'>): TableName {
  return { project: context.config.bigquery.project, dataset: job.targetDataset, table: job.targetTable };
}

/** The view of the target table's rows that are not deleted. */
export function liveView(context: Context, job: Pick<Job, 'targetDataset' | 'targetTable'>): TableName {
  const target = targetTable(context, job);
  return { ...target, table: `${target.table}_live` };
}

/** The table of a job's versions: one per record and stamp. Salesforce's own AccountHistory has another name. */
export function versionsTable(context: Context, job: Pick<Job, 'targetDataset' | 'targetTable'>): TableName {
  const target = targetTable(context, job);
  return { ...target, table: `${target.table}${VERSIONS_SUFFIX}` };
}

/** The view of a job's versions, each with the time from which the next one is valid. */
export function versionsView(context: Context, job: Pick<Job, 'targetDataset' | 'targetTable'>): TableName {
  const target = targetTable(context, job);
  return { ...target, table: `${target.table}${VERSIONS_VIEW_SUFFIX}` };
}

/** The table of invalid values, one per dataset. */
export function invalidValuesTable(context: Context, job: Pick<Job, 'targetDataset'>): TableName {
  return { project: context.config.bigquery.project, dataset: job.targetDataset, table: '_invalid_values' };
}

export function loadJobId(runId: string, page: Page, tryNumber: number): string {
  return `sync_${compact(runId)}_load_${page.slice}_${page.fieldGroup}_${page.generation}_${page.number}_${tryNumber}`;
}

/** @param of the slices and generations that the delta table is built from */
export function deltaJobId(runId: string, of: string, tryNumber: number): string {
  return `sync_${compact(runId)}_delta_${digest(of)}_${tryNumber}`;
}

export function mergeJobId(runId: string, tryNumber: number): string {
  return `sync_${compact(runId)}_merge_${tryNumber}`;
}

export function swapJobId(runId: string, tryNumber: number): string {
  return `sync_${compact(runId)}_swap_${tryNumber}`;
}

/** @param of the delta tables that are compared with the target table */
export function compareJobId(runId: string, of: string, tryNumber: number): string {
  return `sync_${compact(runId)}_compare_${digest(of)}_${tryNumber}`;
}

/** A statement by which a sweep writes its target table. @param step for example `mark` */
export function sweepJobId(runId: string, step: string, tryNumber: number): string {
  return `sync_${compact(runId)}_${step}_${tryNumber}`;
}

/**
 * A statement that writes a job's table of versions.
 * @param step for example `add`
 * @param of what it reads: the slices and generations of a delta table, or another table
 */
export function versionsJobId(runId: string, step: string, of: string, tryNumber: number): string {
  return `sync_${compact(runId)}_versions_${step}_${digest(of)}_${tryNumber}`;
}

/** @param of the slices and generations that the delta table is built from */
export function refreshJobId(runId: string, of: string, tryNumber: number): string {
  return `sync_${compact(runId)}_refresh_${digest(of)}_${tryNumber}`;
}

/** For an idempotent statement, which gets a new id each time it runs. */
export function onceJobId(runId: string, what: string, uuid: string): string {
  return `sync_${compact(runId)}_${what}_${compact(uuid)}`;
}

/** The load job of a batch of the outbox. */
export function batchJobId({ id, token }: Pick<Batch, 'id' | 'token'>, tryNumber: number): string {
  return `outbox_${id}_${compact(token)}_${tryNumber}`;
}

/** When a run's tables expire. The same for every attempt. */
export function stagingExpiry(createdAt: Date): Date {
  return new Date(createdAt.getTime() + STAGING_DAYS * DAY_MS);
}

/** Labels for a run's jobs and tables, in lower case as BigQuery requires. */
export function runLabels(runId: string, job: Pick<Job, 'id' | 'objectName'>): Record<string, string> {
  return { run: runId, job: job.id, object: job.objectName.toLowerCase().slice(0, 63) };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function compact(runId: string): string {
  return runId.replaceAll('-', '');
}
