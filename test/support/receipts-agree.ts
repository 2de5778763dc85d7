import type pg from 'pg';
import type { RunKind } from '../../app/core/runs/pass.ts';
import type { Receipt } from '../../app/core/runs/receipt.ts';
import { stagesOf } from '../../app/core/runs/receipt-stages.ts';

/** The stages of succeeded runs whose counts do not agree, one sentence each. Receipts that a test wrote itself lack most counts. */
export async function findDisagreements(database: pg.Pool): Promise<string[]> {
  const { rows } = await database
    .query<{ id: string; kind: RunKind; receipt: Receipt }>(
      `SELECT id, kind, receipt FROM runs WHERE receipt ? 'delta_rows' AND receipt ->> 'verdict' NOT LIKE 'accepted%'`,
    )
    .catch(noneIfMissing);
  return rows.flatMap(({ id, kind, receipt }) =>
    stagesOf(receipt).flatMap(({ stage, rows: count, agrees }) =>
      agrees === false ? [`${stage} of ${kind} ${id} is ${count}: ${JSON.stringify(receipt)}`] : [],
    ),
  );
}

/** A test may have dropped the job store, or a table. */
function noneIfMissing(error: { code?: string }): { rows: [] } {
  if (error.code === '3D000' || error.code === '42P01') return { rows: [] };
  throw error;
}
