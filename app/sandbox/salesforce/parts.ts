import type { BulkJobs } from './bulk-jobs.ts';
import type { Clock } from './clock.ts';
import type { Faults } from './faults.ts';
import type { Grants } from './grants.ts';
import type { Org } from './org.ts';

/** What the two hosts share. */
export interface Parts {
  org: Org;
  clock: Clock;
  grants: Grants;
  faults: Faults;
  jobs: BulkJobs;
  /** Filled in once the hosts listen. */
  urls: { login: string; instance: string };
  /** Calls counted by Sforce-Limit-Info. */
  usage: { calls: number };
}
