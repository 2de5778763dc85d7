/** Sizes and times that the service works with. They suit production; tests choose smaller ones to meet many pages with few rows. */
export interface Limits {
  /** most rows that are read by REST: above, Bulk is quicker and costs fewer calls (a REST call brings 2,000 rows) */
  restRows: number;
  /** most rows that one slice should have: Salesforce counts each saved gigabyte as one of fifteen retries */
  sliceRows: number;
  /** most slices of one run: a longer window becomes a chain of runs, each with its own receipt */
  runSlices: number;
  /** rows of a Bulk job's first page, when nothing is known yet of how wide they are */
  firstPageRows: number;
  /** text of the pages after it, in bytes: worth a load job, and small enough to be fetched again */
  pageTextBytes: number;
  /** uploads at a time in this process, each of which holds up to two chunks in memory: a task's memory is reckoned with them */
  uploads: number;
  /** long requests at a time to one org: Salesforce allows 25, 5 in developer orgs, and one is left for others */
  longRequests: number;
  /** when Salesforce says nothing for so long, in milliseconds, the call failed: longer than the two minutes that it gives a query */
  idleMs: number;
  /** a caller waits for the renewal of a session for so long, in milliseconds; the renewal itself goes on */
  loginMs: number;
  /** a Bulk job that has not ended after so long is stuck: Salesforce itself cleans up only in days */
  bulkJobMs: number;
  /** a call to BigQuery that has no response after so long, in milliseconds, failed; so did an upload of which no byte moved */
  bigqueryCallMs: number;
  /** a BigQuery job that has not ended so long after its creation, in milliseconds, is cancelled and run again: BigQuery itself gives up after six hours */
  bigqueryJobMs: number;
  /** a run during which nothing was answered and no byte came for so long, in milliseconds, is stuck: longer than every wait for a call or for a place */
  noProgressMs: number;
  /** the pause after the first look whether a job of another service has ended, in milliseconds; each next is half as long again */
  pollMs: number;
  /** a worker looks this often for what came due; what is new is announced to it */
  lookMs: number;
  /** the wait after a run's first failure, in milliseconds; each next is twice as long */
  retryMs: number;
}

export const LIMITS: Limits = {
  restRows: 10_000,
  sliceRows: 1_000_000,
  runSlices: 20,
  firstPageRows: 10_000,
  pageTextBytes: 64 * 1024 * 1024,
  uploads: 6,
  longRequests: 4,
  idleMs: 180_000,
  loginMs: 30_000,
  bulkJobMs: 6 * 60 * 60 * 1000,
  bigqueryCallMs: 120_000,
  bigqueryJobMs: 3 * 60 * 60 * 1000,
  noProgressMs: 30 * 60 * 1000,
  pollMs: 250,
  lookMs: 2_000,
  retryMs: 2_000,
};

/** For uploads that hold a page whole: pages of a quarter of the text, so that as many uploads at a time need as much memory as before. */
export function forWholePages(limits: Limits): Limits {
  return {
    ...limits,
    firstPageRows: Math.min(limits.firstPageRows, 2_000),
    pageTextBytes: Math.min(limits.pageTextBytes, 16 * 1024 * 1024),
  };
}
