import { type Every, intervalMs } from '../jobs/every.ts';
import { type JobMode, jobMode } from '../jobs/job-mode.ts';

/** The part of every description by which the service recognizes that it wrote it. */
export const OUR_NAME = 'salesforce-bigquery-sync';

/** What a target table's description says. */
export interface DescribedTable {
  readonly objectName: string;
  /** 18 characters */
  readonly orgId: string;
  readonly every: Every;
  /** null: the object has no usable cursor */
  readonly cursorField: string | null;
  readonly appendOnly: boolean;
}

/** For analysts: the object and org of a target table, and what its job imports how often. */
export function describeTable({ objectName, orgId, every, cursorField, appendOnly }: DescribedTable): string {
  const mode = jobMode({ whole: cursorField === null, appendOnly });
  return `Records of the Salesforce object ${objectName} of the org ${orgId}, kept current by ${OUR_NAME}: one row per Id. ${imports(mode, formatEvery(every))} The table _fields describes its fields.`;
}

function imports(mode: JobMode, often: string): string {
  if (mode === 'whole') return `All records are imported ${often} and replace its rows.`;
  if (mode === 'append_only') return `New records are imported ${often}; existing ones are never edited.`;
  return `New, edited and deleted records are imported ${often}.`;
}

/** For example "every 15 minutes", "every hour", or "once a day". */
function formatEvery(every: Every): string {
  const minutes = intervalMs(every) / 60_000;
  if (minutes < 60) return `every ${minutes} minutes`;
  if (minutes === 60) return 'every hour';
  return every === 'day' ? 'once a day' : `every ${minutes / 60} hours`;
}
