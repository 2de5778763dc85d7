import type { Faults } from './faults.ts';
import type { JobRegistry } from './jobs/job-registry.ts';
import type { Catalog } from './storage/catalog.ts';
import type { Database } from './storage/database.ts';
import type { Locks } from './storage/locks.ts';

/** The context of routes and jobs. */
export interface Service {
  project: string;
  location: string;
  database: Database;
  catalog: Catalog;
  jobs: JobRegistry;
  locks: Locks;
  faults: Faults;
  now: () => number;
  /** Where uploaded bytes are kept until their job is done. */
  spoolFolder: string;
}
