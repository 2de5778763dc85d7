import type { StagedRows } from '../../bigquery/sql/delta-statement.ts';
import { PARTITION_FIELD } from '../../core/fields/partitioning.ts';
import { closedPart, countMissedRows } from '../../core/runs/missed-rows.ts';
import type { Slice } from '../../store/runs/slices.ts';
import type { Extraction } from '../extract/extraction.ts';
import { stagingTable } from '../names.ts';

/** The rows of these slices, in reading order, for a statement that types them. */
export function stagedRows({ context, run, columns }: Extraction, slices: readonly Slice[]): StagedRows {
  return {
    slices: slices.map((slice, order) => ({
      order,
      table: stagingTable(context, run.runId, slice),
      fieldGroup: slice.fieldGroup,
      nullCursor: slice.nullCursor || (Boolean(slice.ids) && run.job.cursorNillable) || run.pass.kind === 'sweep',
      countBefore: countMissedRows(slice) > 0 && closedPart(slice, run.job.cursorField) ? slice.cursorTo : undefined,
    })),
    columns,
    cursorField: run.job.cursorField,
    windowTo: run.window.to,
    partitionField: run.job.partitioned ? PARTITION_FIELD : undefined,
    countsStamps: run.job.history,
    runId: run.runId,
    suppressed: { jobId: run.job.id, hashes: run.job.suppressed },
  };
}
