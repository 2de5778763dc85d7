import type { Context } from '../../context.ts';
import { BASE_GROUP } from '../../core/fields/field-groups.ts';
import { type Stage, stagesOf, stagesSoFar } from '../../core/runs/receipt-stages.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import type { Page } from '../../store/runs/pages.ts';
import { type RunDetails, readRunDetails, type SliceDetails } from '../../store/runs/run-details.ts';
import { loadJobId } from '../../sync/names.ts';
import { requireRun } from './require-run.ts';

/** A page of a slice, with its load job in BigQuery; null: not requested yet. */
export type DetailedPage = Page & { loadJobId: string | null };

/** A run with its job, its counts from stage to stage, and what it did in Salesforce and BigQuery. */
export interface DetailedRun extends JobWithRun {
  stages: Stage[];
  slices: (SliceDetails & { pages: DetailedPage[] })[];
  statements: RunDetails['statements'];
}

/** A run in detail. @throws AppError not_found */
export async function detailRun(context: Context, runId: string): Promise<DetailedRun> {
  const found = await requireRun(context, runId);
  const { slices, statements } = await readRunDetails(context.database, runId);
  const { receipt } = found.run;
  const stages = receipt ? stagesOf(receipt) : stagesSoFar(slices.filter(({ fieldGroup }) => fieldGroup === BASE_GROUP));
  return {
    ...found,
    stages,
    slices: slices.map((slice) => ({ ...slice, pages: slice.pages.map((page) => withLoadJob(runId, page)) })),
    statements,
  };
}

/** The page's headers are read before its load job is requested. */
function withLoadJob(runId: string, page: Page): DetailedPage {
  return { ...page, loadJobId: page.rows === null ? null : loadJobId(runId, page, page.loadTry) };
}
