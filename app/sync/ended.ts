import type { Receipt } from '../core/receipt.ts';
import type { Run } from '../store/runs.ts';

/** A run as it ended, and its receipt. */
export interface Ended {
  run: Run;
  receipt: Receipt;
}
