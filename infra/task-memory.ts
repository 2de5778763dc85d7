/** Node with the app loaded, idle. */
const IDLE_MIB = 384;

/** The app uploads this many pages at a time, whatever the number of workers, and buffers a chunk of each. Connections and garbage take as much again. */
export const UPLOADS = 6;
export const UPLOAD_MIB = 2 * 16;

/** An estimate of a run's other memory: a REST page of 2,000 rows as text, objects and CSV, and a describe of 800 fields. */
const WORKER_MIB = 96;

/** The task memory in MiB that this many workers require. */
export function requiredMemoryMib(workers: number): number {
  return IDLE_MIB + UPLOADS * UPLOAD_MIB + WORKER_MIB * workers;
}
