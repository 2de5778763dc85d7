import { MAX_IDS } from './salesforce-ids.ts';

/** Sizes and durations for production. Tests use smaller ones, to get many pages from few rows. */
export interface Limits {
  /** maximum rows to read by REST: above this, Bulk is faster and uses fewer calls (a REST call returns 2,000 rows) */
  restRows: number;
  /** target maximum of rows per slice: Salesforce counts each stored gigabyte as one of fifteen retries */
  sliceRows: number;
  /** maximum slices per run: a longer window becomes a chain of runs, each with its own receipt */
  runSlices: number;
  /** rows of a Bulk job's first page, before the width of its rows is known */
  firstPageRows: number;
  /** target size of the following pages, in bytes of text: large enough for a load job, small enough to fetch again */
  pageTextBytes: number;
  /** Ids of a sweep's findings that are read at once, and named in one statement or reimport: a list of more is a range */
  sweptIds: number;
  /** concurrent uploads in this process; each keeps a chunk in memory, which determines a task's memory size */
  uploads: number;
  /** concurrent long requests of all processes to one org: Salesforce allows 25, or 5 in developer orgs; one is left for other clients */
  longRequests: number;
  /** idle timeout of a call to Salesforce, in milliseconds: longer than its own two-minute limit on a query */
  idleMs: number;
  /** total timeout of a call with the first pages of several windows, in milliseconds: each has an equal share, and one that needs more is read alone */
  compositeMs: number;
  /** maximum size of its decoded response: as much memory as the upload of a Bulk page uses */
  compositeBytes: number;
  /** how long a window with rows waits for those that were claimed with it, in milliseconds; its first page stays in memory meanwhile */
  turnMs: number;
  /** total timeout of a Bulk result page, in milliseconds: Salesforce itself ends a retrieval after 20 minutes */
  pageMs: number;
  /** how long a caller waits for a session renewal, in milliseconds; the renewal itself continues */
  loginMs: number;
  /** timeout of a Bulk job, in milliseconds: Salesforce itself takes days to end a stuck job */
  bulkJobMs: number;
  /** timeout of a call to BigQuery, and idle timeout of an upload, in milliseconds */
  bigqueryCallMs: number;
  /** a BigQuery job this old, in milliseconds, is cancelled and run again: BigQuery itself gives up after six hours */
  bigqueryJobMs: number;
  /** a run without a response or received byte for this long, in milliseconds, is stuck: longer than any call, and than others keep it waiting for a permit without one of them finishing */
  noProgressMs: number;
  /** a reimport replaces rows that were synced this long before it requested them, in milliseconds: clocks differ */
  repairMarginMs: number;
  /** first pause between polls of an external job, in milliseconds; each following pause is 50% longer */
  pollMs: number;
  /** how often a worker polls for due runs, in milliseconds; new runs are also announced */
  workerPollMs: number;
  /** backoff after a run's first failure, in milliseconds; doubles with each further failure */
  retryMs: number;
  /** minimum interval between load jobs of a metadata table, in milliseconds: BigQuery allows 1,500 per table and day, failed ones included */
  outboxMs: number;
  /** total timeout of a request to the receiver of alerts, in milliseconds */
  webhookMs: number;
  /** how often a process compares the job store with BigQuery, in milliseconds */
  agreementMs: number;
  /** a job store counts as alive for this long after it last wrote to BigQuery, in milliseconds: three times `outboxMs` */
  aliveMs: number;
}

export const LIMITS: Limits = {
  restRows: 10_000,
  sliceRows: 1_000_000,
  runSlices: 20,
  firstPageRows: 10_000,
  pageTextBytes: 64 * 1024 * 1024,
  sweptIds: MAX_IDS,
  uploads: 6,
  longRequests: 4,
  idleMs: 180_000,
  compositeMs: 60_000,
  compositeBytes: 16 * 1024 * 1024,
  turnMs: 120_000,
  pageMs: 20 * 60 * 1000,
  loginMs: 30_000,
  bulkJobMs: 6 * 60 * 60 * 1000,
  bigqueryCallMs: 120_000,
  bigqueryJobMs: 3 * 60 * 60 * 1000,
  noProgressMs: 30 * 60 * 1000,
  repairMarginMs: 10 * 60 * 1000,
  pollMs: 250,
  workerPollMs: 2_000,
  retryMs: 2_000,
  outboxMs: 5 * 60_000,
  webhookMs: 10_000,
  agreementMs: 60_000,
  aliveMs: 15 * 60_000,
};

/** For uploads that buffer a whole page: a quarter of the page size, so that memory use stays the same. */
export function limitsForMultipartUploads(limits: Limits): Limits {
  return {
    ...limits,
    firstPageRows: Math.min(limits.firstPageRows, 2_000),
    pageTextBytes: Math.min(limits.pageTextBytes, 16 * 1024 * 1024),
  };
}
