import type { BulkJobs } from './bulk-jobs.ts';
import type { Clock } from './clock.ts';
import type { Faults } from './faults.ts';
import type { Grants } from './grants.ts';
import type { Journal } from './journal.ts';
import type { JwtKey } from './jwt-assertion.ts';
import type { Limits } from './limits.ts';
import type { Org } from './org.ts';
import type { QueryCursors } from './query-cursors.ts';

/** What the two hosts share. */
export interface Parts {
  org: Org;
  clock: Clock;
  journal: Journal;
  grants: Grants;
  jwtKey: JwtKey;
  faults: Faults;
  jobs: BulkJobs;
  /** Filled in once the hosts listen. */
  urls: { login: string; instance: string };
  limits: Limits;
  cursors: QueryCursors;
}
