import { AppError } from '../errors.ts';

/** What becomes of rows that were deleted in Salesforce: kept as they were last, kept without their values, or removed. */
export type Deletes = 'keep' | 'blank' | 'remove';

/** Reads the choice. @throws AppError invalid_request */
export function parseDeletes(text: string | undefined): Deletes {
  const known = (['keep', 'blank', 'remove'] as const).find((deletes) => deletes === (text ?? 'keep'));
  if (known) return known;
  throw new AppError('invalid_request', 'deletes must be keep, blank (keep the row without its values) or remove.');
}
