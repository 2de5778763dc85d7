import type { Context } from '../../context.ts';
import type { DescribedField, FieldColumn } from '../../core/columns.ts';
import { fieldsInGroup } from '../../core/field-groups.ts';
import type { SalesforceClient } from '../../salesforce/client.ts';
import type { Page } from '../../store/pages.ts';
import type { Run } from '../../store/runs.ts';
import type { Slice } from '../../store/slices.ts';

/** A slice whose rows are in its staging table, with the verdict on its counts. */
export interface StagedSlice {
  slice: Slice;
  pages: Page[];
  /** compared with Salesforce's count */
  verdict: string;
}

/** An extraction that failed or whose counts do not match: the slice must be extracted again. */
export interface Failed {
  reason: string;
  /** no mismatch: the earlier extraction cannot be resumed */
  interrupted?: boolean;
  /** the slice is too large for one query: extract it in parts, if it can be cut */
  tooLarge?: boolean;
  /** Salesforce cannot process it at the moment: extract it again when the run is retried */
  later?: boolean;
}

/** A slice to cut into `parts` parts. */
export interface TooLarge {
  cut: Slice;
  parts: number;
}

/** The context that all slices of a run share. */
export interface Extraction {
  context: Context;
  client: SalesforceClient;
  run: Run;
  columns: readonly FieldColumn[];
  /** the described fields from which the run's were settled; undefined: settled by an earlier attempt */
  knownFields: readonly DescribedField[] | undefined;
  signal: AbortSignal;
}

/** The fields that a slice's query selects, in the order of its staging table. */
export function requestedFields({ columns, run }: Extraction, { fieldGroup }: Slice): string[] {
  return fieldsInGroup(columns, fieldGroup, run.job.cursorField);
}
