/** Node with the app loaded, idle. */
const IDLE_MIB = 384;

/** The app uploads this many pages at a time, whatever the number of workers. */
export const UPLOADS = 6;

/** Of each, it buffers a chunk. */
export const CHUNK_MIB = 16;

/** Of rows that REST returned, it also keeps all that it uploads together, until they are loaded. Those of Bulk stay at Salesforce. */
export const BATCH_MIB = 16;

/** An estimate of a run's other memory: a REST page of 2,000 rows as text, objects and CSV, and a describe of 800 fields. */
const WORKER_MIB = 96;

/** The task memory in MiB that this many workers require. */
export function requiredMemoryMib(workers: number): number {
  return IDLE_MIB + UPLOADS * (CHUNK_MIB + BATCH_MIB) + WORKER_MIB * workers;
}
