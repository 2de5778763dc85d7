import type { BulkJobs } from './bulk/bulk-jobs.ts';
import type { Clock } from './clock.ts';
import type { Faults } from './faults.ts';
import type { Limits } from './limits.ts';
import type { Grants } from './oauth/grants.ts';
import type { JwtKey } from './oauth/jwt-assertion.ts';
import type { Journal } from './org/journal.ts';
import type { Org } from './org/org.ts';
import type { QueryCursors } from './rest/query-cursors.ts';

/** The parts that both hosts share. */
export interface Parts {
  org: Org;
  clock: Clock;
  journal: Journal;
  grants: Grants;
  jwtKey: JwtKey;
  faults: Faults;
  jobs: BulkJobs;
  /** Set once the hosts are listening. */
  urls: { login: string; instance: string };
  limits: Limits;
  cursors: QueryCursors;
}
