import type { Catalog } from './catalog.ts';
import type { Database } from './database.ts';
import type { Faults } from './faults.ts';
import type { Jobs } from './jobs.ts';
import type { Locks } from './locks.ts';

/** What the routes and jobs work with. */
export interface Service {
  project: string;
  location: string;
  database: Database;
  catalog: Catalog;
  jobs: Jobs;
  locks: Locks;
  faults: Faults;
  now: () => number;
  /** Where uploaded bytes are kept until their job is done. */
  spoolFolder: string;
}
