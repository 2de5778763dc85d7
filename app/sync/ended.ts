import type { Receipt } from '../core/runs/receipt.ts';
import type { Run } from '../store/runs/runs.ts';

/** A run as it ended, and its receipt. */
export interface Ended {
  run: Run;
  receipt: Receipt;
}
