import type pg from 'pg';
import { type Claimant, claimRuns } from '../../app/store/runs/claim-run.ts';
import type { Run } from '../../app/store/runs/runs.ts';

/** The process that claims runs in tests. */
export const CLAIMANT: Claimant = { host: 'test', version: '0.0.0' };

/** Claims a run alone. */
export async function claimRun(database: pg.Pool, leaseSeconds: number, perConnection: number): Promise<Run | undefined> {
  const [run] = await claimRuns(database, leaseSeconds, perConnection, { max: 1, except: [] }, CLAIMANT);
  return run;
}
