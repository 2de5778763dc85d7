import { deferredUntil } from '../core/jobs/job-state.ts';
import { runCost } from '../core/jobs/monthly-cost.ts';
import { formatBound } from '../core/jobs/start-date.ts';
import { inPipelineOrder, type Receipt } from '../core/runs/receipt.ts';
import { type RunProgress, rowsPerSecond, runStep } from '../core/runs/run-progress.ts';
import type { RunState } from '../core/runs/run-state.ts';
import type { ListedRun } from '../store/runs/listed-run.ts';
import type { RunOfJob } from '../store/runs/run-list.ts';
import { columnOf } from '../store/to-record.ts';

/** A run, as every endpoint shows it. */
export function toRunJson(run: ListedRun): object {
  const now = new Date();
  return {
    id: run.id,
    kind: run.kind,
    ...scopeJson(run.scope ?? {}),
    from: formatBound(run.windowFrom),
    to: formatBound(run.windowTo),
    state: run.state,
    run_at: run.runAt,
    deferred_until: deferredUntil(run, now),
    started_at: run.startedAt,
    version: run.version,
    worker: run.worker,
    step: runStep(run.state, run.progress),
    progress: run.progress && toProgressJson(run.progress, run.state, now),
    failures: run.failures,
    error: run.errorCode && { code: run.errorCode, message: run.errorMessage },
    receipt: run.receipt && inPipelineOrder(run.receipt),
    cost: run.receipt && toCostJson(run.receipt),
    finished_at: run.finishedAt,
    actions: run.actions,
  };
}

/** How far an open run is. */
function toProgressJson(progress: RunProgress, state: RunState, now: Date): object {
  const rate = state === 'running' ? rowsPerSecond(progress, now) : null;
  const { slices, slicesDone, rows, pages, bytes } = progress;
  return { slices_done: slicesDone, slices_total: slices, rows, pages, bytes, rows_per_second: rate === null ? null : Math.round(rate) };
}

/** What the run cost, in dollars at BigQuery's list price. */
function toCostJson(receipt: Partial<Receipt>): object | null {
  const cost = runCost(receipt);
  if (!cost) return null;
  const { calls, jobs, bytesBilled, dollars } = cost;
  return { salesforce_calls: calls, bigquery_jobs: jobs, bytes_billed: bytesBilled, dollars: Number(dollars.toFixed(6)) };
}

/** For example `{ids: 3}`, the number of Ids; nothing for a window. */
function scopeJson(scope: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(scope).map(([property, value]) => [columnOf(property), value]));
}

/** A run that is shown by itself, so it names its job. */
export function toRunOfJobJson({ id, userId, objectName, run }: RunOfJob): object {
  return { job_id: id, user_id: userId, object_name: objectName, ...toRunJson(run) };
}
