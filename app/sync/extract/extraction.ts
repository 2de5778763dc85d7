import type { Context } from '../../context.ts';
import type { DescribedField, FieldColumn } from '../../core/columns.ts';
import { fieldsOf } from '../../core/field-groups.ts';
import type { SalesforceClient } from '../../salesforce/client.ts';
import type { Page } from '../../store/pages.ts';
import type { Run } from '../../store/runs.ts';
import type { Slice } from '../../store/slices.ts';

/** A slice whose rows stand in its staging table, and how they were counted. */
export interface StagedSlice {
  slice: Slice;
  pages: Page[];
  /** against Salesforce's own count */
  verdict: string;
}

/** A reading that did not prove itself: the slice is to be asked anew. */
export interface Failed {
  reason: string;
  /** not its own fault, but what was read before can not be taken up */
  interrupted?: boolean;
  /** it is too much for one query: asked anew in parts, if it can be cut */
  tooLarge?: boolean;
  /** Salesforce is not up to it just now: asked anew when the run is tried again */
  later?: boolean;
}

/** A slice, as it is now, that is to be cut into so many parts. */
export interface TooLarge {
  cut: Slice;
  parts: number;
}

/** What all slices of a run share. */
export interface Extraction {
  context: Context;
  client: SalesforceClient;
  run: Run;
  columns: readonly FieldColumn[];
  /** the fields as they were described when the run's were settled; undefined: by an earlier attempt */
  knownFields: readonly DescribedField[] | undefined;
  signal: AbortSignal;
}

/** The fields that a slice's query selects, in the order of its staging table. */
export function requestedFields({ columns, run }: Extraction, { fieldGroup }: Slice): string[] {
  return fieldsOf(columns, fieldGroup, run.job.cursorField);
}
