import { AppError } from '../../errors.ts';

/** How to treat rows deleted in Salesforce: keep their last values, blank their values, or remove them. */
export type Deletes = 'keep' | 'blank' | 'remove';

/** Whether a change of `deletes` also applies to rows that are deleted already. Values that are blanked or removed cannot return. */
export function treatsEarlierDeletes(from: Deletes, to: Deletes): boolean {
  return (to === 'blank' && from === 'keep') || (to === 'remove' && from !== 'remove');
}

/** Whether a deleted row that is blanked loses the value of a column of its table. Users may have added columns with any name. */
export function isEmptied(column: string, ...needed: (string | null)[]): boolean {
  return /^[A-Za-z]\w*$/.test(column) && !['Id', 'IsDeleted', ...needed].includes(column);
}

/** Parses the parameter `deletes`. @throws AppError invalid_request */
export function parseDeletes(text: string | undefined): Deletes {
  const known = (['keep', 'blank', 'remove'] as const).find((deletes) => deletes === (text ?? 'keep'));
  if (known) return known;
  throw new AppError('invalid_request', 'deletes must be keep, blank (keep the row without its values), or remove.');
}
