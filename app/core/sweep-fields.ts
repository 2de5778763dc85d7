import { CREATED_DATE } from './cursor.ts';
import { PARTITION_FIELD } from './partitioning.ts';

/** The properties of a job that decide by which fields its sweeps match, compare and locate rows. */
interface SweptJob {
  readonly cursorField: string;
  readonly cursorNillable: boolean;
  readonly partitioned: boolean;
}

/** The fields by which a sweep matches, compares and locates rows. */
export function sweepKeys({ cursorField, cursorNillable, partitioned }: SweptJob): string[] {
  return ['Id', 'IsDeleted', cursorField, ...(cursorNillable ? [CREATED_DATE] : []), ...(partitioned ? [PARTITION_FIELD] : [])];
}
