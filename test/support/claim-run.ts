import type pg from 'pg';
import { claimRuns } from '../../app/store/claim-run.ts';
import type { Run } from '../../app/store/runs.ts';

/** Claims a run alone. */
export async function claimRun(database: pg.Pool, leaseSeconds: number, perConnection: number): Promise<Run | undefined> {
  const [run] = await claimRuns(database, leaseSeconds, perConnection, { max: 1, except: [] });
  return run;
}
