import * as z from 'zod';
import { type DetailedPage, type DetailedRun, detailRun } from '../../actions/runs/detail-run.ts';
import { defineEndpoint } from '../endpoint.ts';
import { toRunOfJobJson } from '../run-json.ts';
import { DETAILED_RUN_EXAMPLE, detailedRunJson } from '../schemas/detailed-run.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { runId } from '../schemas/fields.ts';

/** A run, of any state, in detail. */
export const getRun = defineEndpoint({
  name: 'v1/runs/{run_id}',
  methods: ['GET'],
  group: 'runs',
  summary: 'Returns a run, with its counts from stage to stage, its slices and their pages, and its jobs in Salesforce and BigQuery.',
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object({ run_id: runId }),
  response: detailedRunJson,
  errors: ['not_found'],
  example: { request: { run_id: EXAMPLE.runId }, response: DETAILED_RUN_EXAMPLE },
  handle: async (context, { run_id }) => toDetailedRunJson(await detailRun(context, run_id)),
});

function toDetailedRunJson(run: DetailedRun): object {
  return {
    ...toRunOfJobJson(run),
    stages: run.stages,
    slices: run.slices.map(toSliceJson),
    bigquery_statements: run.statements.map(({ id, bytesBilled }) => ({ job_id: id, bytes_billed: bytesBilled })),
  };
}

function toSliceJson(slice: DetailedRun['slices'][number]): object {
  return {
    slice: slice.ordinal,
    field_group: slice.fieldGroup,
    from: slice.cursorFrom,
    to: slice.cursorTo,
    open: slice.open,
    null_cursor: slice.nullCursor,
    id_from: slice.idFrom,
    id_to: slice.idTo,
    ids: slice.idCount,
    state: slice.state,
    generation: slice.generation,
    method: slice.method,
    reason: slice.reason,
    requested_at: slice.requestedAt,
    bulk_job_id: slice.bulkJobId,
    salesforce_before: slice.countBefore,
    salesforce_after: slice.countAfter,
    processed: slice.processed,
    staged: slice.staged,
    pages: slice.pages.map(toPageJson),
  };
}

function toPageJson({ number, rows, bytes, loaded, loadJobId }: DetailedPage): object {
  const state = loaded !== null ? 'loaded' : rows !== null ? 'loading' : 'requested';
  return { page: number, state, rows, bytes, loaded, load_job_id: loadJobId };
}
