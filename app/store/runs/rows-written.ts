const count = (field: string): string => `coalesce((receipt->>'${field}')::bigint, 0)`;

/** How many rows a run wrote, in SQL, by its `receipt`: as core/runs/rows-written.ts. 0 without a receipt. */
export const ROWS_WRITTEN = `(coalesce((receipt->>'rows_after')::bigint, ${count('inserted')} + ${count('updated')} + ${count('deleted')})
  + ${count('refreshed')} + (SELECT coalesce(sum(value::bigint), 0)::bigint FROM jsonb_each_text(receipt->'rows_erased')))`;
