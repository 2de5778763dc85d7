import * as z from 'zod';
import { requireConnection } from '../../actions/connections/require-connection.ts';
import { readJobRequest } from '../../actions/jobs/plan-job.ts';
import { type CallsAvailable, type JobPreview, type PlannedJob, previewJob } from '../../actions/jobs/preview-job.ts';
import { whileConnected } from '../../actions/while-connected.ts';
import type { JobField } from '../../core/fields/job-fields.ts';
import type { FirstImport } from '../../core/jobs/first-import.ts';
import { jobMode } from '../../core/jobs/job-mode.ts';
import { optionsJson, optionTexts } from '../../core/jobs/job-options.ts';
import { queryDollars } from '../../core/jobs/monthly-cost.ts';
import { BIGQUERY_ERRORS, SALESFORCE_ERRORS } from '../common-errors.ts';
import { defineEndpoint } from '../endpoint.ts';
import { objectName } from '../schemas/fields.ts';
import { newJobFields } from '../schemas/job-options.ts';
import { PREVIEW_EXAMPLE, PREVIEW_REQUEST, previewJson } from '../schemas/preview.ts';

/** Shows what create_importing_job would do and cost with the same fields. Writes nothing. Calls the org, so keys that may only read must not. */
export const jobPreview = defineEndpoint({
  name: 'v1/jobs/preview',
  methods: ['POST'],
  group: 'jobs',
  summary: 'Shows what create_importing_job would do and cost with the same fields; writes nothing.',
  roles: ['operate', 'admin'],
  request: z.object({ object_name: objectName, ...newJobFields }),
  response: previewJson,
  errors: ['not_found', ...SALESFORCE_ERRORS, ...BIGQUERY_ERRORS],
  example: { request: PREVIEW_REQUEST, response: PREVIEW_EXAMPLE },
  async handle(context, { user_id, object_name, take_over = false, ...options }, _caller, _wantsJson, closed) {
    const request = {
      objectName: object_name,
      options: { ...optionTexts(options), startDate: options.start_date },
      takeOver: take_over,
    };
    const connection = await requireConnection(context, user_id);
    return toPreviewJson(await previewJob(whileConnected(context, closed), connection, await readJobRequest(context, request)));
  },
});

function toPreviewJson({ objectName, outcome, jobId, refusals, planned }: JobPreview): object {
  return {
    object_name: objectName,
    outcome,
    job_id: jobId,
    refusals: refusals.map(({ code, message }) => ({ code, message })),
    warnings: planned?.warnings ?? [],
    job: planned ? toPlannedJson(planned) : null,
  };
}

function toPlannedJson({ job, label, rows, firstImport, perDay, bytesPerMerge, quota, fields }: PlannedJob): object {
  return {
    label,
    ...optionsJson(job),
    table: `${job.targetDataset}.${job.targetTable}`,
    partitioned: job.partitioned,
    mode: jobMode({ whole: job.cursorField === null, appendOnly: job.appendOnly }),
    cursor_field: job.cursorField,
    rows,
    first_import: firstImport && toFirstImportJson(firstImport, quota),
    per_day: {
      salesforce_calls: Math.ceil(perDay.calls),
      share_of_allowed: shareOf(perDay.calls, quota.allowed),
      bytes_billed: Math.ceil(perDay.bytesBilled),
      bytes_per_merge: Math.ceil(bytesPerMerge),
      dollars: toDollars(perDay.dollars),
    },
    calls: {
      org_limit: quota.reported?.limit ?? null,
      org_used: quota.reported?.used ?? null,
      allowed: quota.allowed,
      own: quota.own,
      other_jobs_per_day: Math.ceil(quota.others),
    },
    fields: fields.map(toFieldJson),
  };
}

function toFirstImportJson(
  { method, reason, rows, slices, calls, bytesBilled }: FirstImport & { rows: number },
  { allowed }: CallsAvailable,
): object {
  return {
    api: method,
    reason,
    rows,
    slices,
    salesforce_calls: calls,
    share_of_allowed: shareOf(calls, allowed),
    bytes_billed: Math.ceil(bytesBilled),
    dollars: toDollars(queryDollars(bytesBilled)),
  };
}

/** What a job does with a field, as every endpoint shows it. */
export function toFieldJson({ name, label, type, column, columnType, treatment, reason }: JobField): object {
  return { name, label, type, column, column_type: columnType, treatment, reason };
}

function shareOf(calls: number, allowed: number | null): number | null {
  return allowed === null || allowed === 0 ? null : Number((calls / allowed).toFixed(4));
}

function toDollars(dollars: number): number {
  return Number(dollars.toFixed(6));
}
