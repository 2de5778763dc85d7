/** What an operator did with a run. A retry or an acceptance of a run that has ended is an action on the run that it queues. */
export interface RunAction {
  action: 'cancel' | 'retry' | 'accept';
  /** the name of the API key, or what stands for one */
  by: string;
  /** ISO 8601 */
  at: string;
}
