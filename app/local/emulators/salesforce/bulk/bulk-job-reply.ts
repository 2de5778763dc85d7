import type { BulkJob } from './bulk-jobs.ts';

/** From this version on, responses say whether the object's rows can be read in chunks. */
const CHUNKING_SINCE = 58;

/** The three forms of a job in responses. */
export type JobForm = 'created' | 'full' | 'aborted' | 'listed';

/** A job's JSON text, with keys in the order of real responses; apiVersion is a number that keeps its decimal. */
export function bulkJobReply(job: BulkJob, userId: string, form: JobForm): string {
  return JSON.stringify(keysOf(job, userId, form)).replace('"apiVersion":""', `"apiVersion":${job.apiVersion}`);
}

function keysOf(job: BulkJob, userId: string, form: JobForm): object {
  const head = {
    id: job.id,
    operation: job.operation,
    object: job.query.table.definition.name,
    createdById: userId,
    createdDate: withOffset(job.createdDate),
    systemModstamp: withOffset(job.systemModstamp),
    state: job.state,
    concurrencyMode: 'Parallel',
    contentType: 'CSV',
    apiVersion: '',
  };
  const format = { lineEnding: job.lineEnding, columnDelimiter: job.columnDelimiter };
  if (form === 'aborted') return head;
  if (form === 'created') return { ...head, ...format };
  const listed = { ...head, jobType: 'V2Query', ...format };
  return form === 'listed' ? listed : { ...listed, ...counters(job) };
}

function counters(job: BulkJob): object {
  return {
    numberRecordsProcessed: job.found?.length ?? 0,
    retries: job.retries,
    totalProcessingTime: job.processingMs,
    ...(Number(job.apiVersion) >= CHUNKING_SINCE ? { isPkChunkingSupported: job.query.table.definition.isSimulated } : {}),
    ...(job.errorMessage === undefined ? {} : { errorMessage: job.errorMessage }),
  };
}

/** REST and Bulk JSON write an offset where Bulk CSV writes `Z`. */
export function withOffset(instant: string): string {
  return instant.replace(/Z$/, '+0000');
}
