import { readRows } from '../../bigquery/jobs.ts';
import { countStatement } from '../../bigquery/sql/count-statement.ts';
import { type DeltaStatement, deltaStatement } from '../../bigquery/sql/delta-statement.ts';
import { invalidValuesStatement } from '../../bigquery/sql/invalid-values-statements.ts';
import { ensureInvalidValuesTable } from '../../bigquery/tables/invalid-values-table.ts';
import { taggedColumns } from '../../bigquery/tables/policy-tags.ts';
import { getTable } from '../../bigquery/tables/table.ts';
import type { FieldColumn } from '../../core/fields/columns.ts';
import { isComparison } from '../../core/runs/pass.ts';
import { type CountedDelta, reconcileDelta, requireReconciled } from '../../core/runs/reconciliation.ts';
import { saveRunTable } from '../../store/runs/run-tables.ts';
import { type Counted, saveCounted, saveRun } from '../../store/runs/runs.ts';
import type { Slice } from '../../store/runs/slices.ts';
import type { Extraction } from '../extract/extraction.ts';
import { deltaJobId, deltaTable, invalidValuesTable, stagingExpiry, targetTable } from '../names.ts';
import { requireSalt } from '../require-salt.ts';
import { retryJob } from '../retry-job.ts';
import { runOnce, storeOnce } from '../run-once.ts';
import { runStatement } from '../run-statement.ts';
import { stagedRows } from './staged-rows.ts';

/**
 * Casts the staged rows, keeps the newest version of each Id, and counts. Reuses an earlier attempt's counts of the same staging tables.
 * @throws AppError count_mismatch, bigquery_budget
 */
export async function buildDelta(extraction: Extraction, slices: readonly Slice[]): Promise<Counted> {
  const { context, run } = extraction;
  const of = stagingTablesOf(slices);
  const statement = {
    ...stagedRows(extraction, slices),
    delta: deltaTable(context, run.runId, of),
    expiresAt: stagingExpiry(run.createdAt),
  };
  const counted = run.counted[of] ?? (await countNewDelta(extraction, of, statement));
  if (!isComparison(run.pass)) await storeInvalidValues(extraction, statement, counted);
  return counted;
}

/** Names the staging tables that a delta table is built from, within the run. */
function stagingTablesOf(slices: readonly Slice[]): string {
  return slices.map(({ ordinal, fieldGroup, generation }) => `${ordinal}_${fieldGroup}_${generation}`).join(' ');
}

async function countNewDelta(extraction: Extraction, of: string, statement: DeltaStatement): Promise<Counted> {
  const { context, run, columns } = extraction;
  const salt = requireSalt(context, columns);
  await retryJob(
    extraction,
    run.deltaTry,
    (deltaTry) => saveRun(context.database, run, { deltaTry }),
    async (number) => {
      const id = deltaJobId(run.runId, of, number);
      await saveRunTable(context.database, run, { name: statement.delta.table, createdBy: id });
      return await runStatement(extraction, id, deltaStatement(statement), { salt });
    },
  );
  const counted = { of, delta: await countDelta(extraction, statement), storedColumns: 0 };
  await saveCounted(context.database, run, counted);
  return counted;
}

async function countDelta(extraction: Extraction, statement: DeltaStatement): Promise<CountedDelta> {
  const id = await runOnce(extraction, 'count', countStatement(statement));
  const [row] = await readRows<Record<string, number | string | null>>(extraction.context.warehouse, id);
  const delta = readDelta(row ?? {}, extraction.columns, statement.slices.length);
  requireReconciled(reconcileDelta(delta.counts));
  return delta;
}

const COLUMNS_PER_STATEMENT = 25;

/** Stores the text of invalid values for inspection, because their columns are NULL. */
async function storeInvalidValues(extraction: Extraction, statement: DeltaStatement, counted: Counted): Promise<void> {
  const { context, run, columns } = extraction;
  const found = columns.filter((column) => column.name in counted.delta.invalidValues);
  if (counted.storedColumns >= found.length) return;
  const invalid = await withoutTagged(extraction, found);
  if (invalid.length === 0) return;
  const table = invalidValuesTable(context, run.job);
  if (!(await ensureInvalidValuesTable(context.warehouse, table))) {
    context.events.metadataTableNotOurs(table.dataset, table.table);
    return;
  }
  // A few columns at a time: a statement is limited to 1 MB and names each column once per slice.
  for (let first = counted.storedColumns; first < invalid.length; first += COLUMNS_PER_STATEMENT) {
    const sql = invalidValuesStatement(table, run.job.objectName, statement, invalid.slice(first, first + COLUMNS_PER_STATEMENT));
    await storeOnce(extraction, 'bad', sql);
    await saveCounted(context.database, run, { ...counted, storedColumns: first + COLUMNS_PER_STATEMENT });
  }
}

/** Without the columns that a policy tag protects: the table of invalid values has no tag. */
async function withoutTagged({ context, run }: Extraction, columns: readonly FieldColumn[]): Promise<FieldColumn[]> {
  const target = await getTable(context.warehouse, targetTable(context, run.job));
  const tagged = new Set(target ? taggedColumns(target).map((name) => name.toLowerCase()) : []);
  return columns.filter(({ name, field }) => !tagged.has(name.toLowerCase()) && !tagged.has(field.toLowerCase()));
}

function readDelta(row: Record<string, number | string | null>, columns: readonly FieldColumn[], slices: number): CountedDelta {
  const count = (name: string): number => Number(row[name] ?? Number.NaN);
  const invalidValues = columns
    .map(({ name }, index) => [name, Number(row[`invalid_${index}`] ?? 0)] as const)
    .filter(([, values]) => values > 0);
  const torn = 'whole_ids' in row ? count('staged_ids') - count('whole_ids') : 0;
  return {
    counts: {
      stagedIds: count('staged_ids'),
      torn,
      tornInWindow: Number(row.torn_in_window ?? 0),
      deltaRows: count('delta_rows'),
      unusable: count('unusable'),
    },
    slices: Array.from({ length: slices }, (_, order) => ({
      distinctIds: count(`ids_${order}`),
      repeatedIds: (row[`repeated_${order}`] as string | null | undefined) ?? null,
      rowsBeforeEnd: `before_${order}` in row ? count(`before_${order}`) : null,
    })),
    invalidValues: Object.fromEntries(invalidValues),
    deletedRows: count('deleted_rows'),
    firstId: String(row.first_id),
    lastId: String(row.last_id),
    months: row.months === undefined ? undefined : String(row.months).split(','),
    stampMonths: row.stamp_months === undefined ? undefined : String(row.stamp_months).split(','),
  };
}
