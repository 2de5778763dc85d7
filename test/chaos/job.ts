/** A job of the chaos: its object, and what create_importing_job gets beside it. */
export interface ChaosJob {
  object: string;
  deletes: 'keep' | 'blank' | 'remove';
  every: string;
  /** whether it keeps each version of a record */
  history?: boolean;
}
