/** Node with the app loaded, idle. */
const AT_REST_MIB = 384;

/** The app uploads so many pages at a time, however many workers there are, and holds two chunks of each: one under way, one being filled. */
export const UPLOADS = 6;
export const UPLOAD_MIB = 2 * 16;

/** What else a worker's run holds: a REST page of 2,000 rows as text, as objects and as CSV; a describe of 800 fields. An estimate. */
const WORKER_MIB = 96;

/** The memory of a task, in MiB, in which so many workers find room. */
export function neededMemoryMib(workers: number): number {
  return AT_REST_MIB + UPLOADS * UPLOAD_MIB + WORKER_MIB * workers;
}
