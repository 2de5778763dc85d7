import { AppError } from '../errors.ts';

/** How to treat rows deleted in Salesforce: keep their last values, blank their values, or remove them. */
export type Deletes = 'keep' | 'blank' | 'remove';

/** Parses the parameter `deletes`. @throws AppError invalid_request */
export function parseDeletes(text: string | undefined): Deletes {
  const known = (['keep', 'blank', 'remove'] as const).find((deletes) => deletes === (text ?? 'keep'));
  if (known) return known;
  throw new AppError('invalid_request', 'deletes must be keep, blank (keep the row without its values), or remove.');
}
