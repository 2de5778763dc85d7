import type { ErrorCode } from '../../errors.ts';
import { type PoolOrClient, type Queryable, transaction } from '../database.ts';
import type { Lease } from '../lease.ts';
import { queueRepairAgain, queueRuns } from './queue-runs.ts';
import { recordAction } from './run-actions.ts';

/** An operator's word that a run may pass a verdict. */
export interface Acceptance {
  /** the name of the API key */
  by: string;
  /** ISO 8601 */
  at: string;
  /** of the error with which the earlier run failed */
  code: ErrorCode;
  /** number of rows that the verdict concerned */
  rows: number;
}

/**
 * Queues the run that follows a failed one: for a window, the job's next one, unless it is open; for a repair, the same one. That run may
 * pass the verdict with which the failed one ended.
 * @returns its id; undefined if another repair of the job is open
 */
export async function acceptVerdict(
  database: PoolOrClient,
  job: { id: string },
  failed: { id: string; kind: string },
  acceptance: Acceptance,
): Promise<string | undefined> {
  return await transaction(database, async (client) => {
    if (failed.kind !== 'window') return await accept(client, await queueRepairAgain(client, failed.id), acceptance);
    const { rows } = await client.query<{ id: string }>(
      `SELECT id FROM runs WHERE job_id = $1 AND kind = 'window' AND state IN ('queued', 'running') FOR NO KEY UPDATE`,
      [job.id],
    );
    return await accept(client, rows[0]?.id ?? (await queueRuns(client, [job.id]))[0], acceptance);
  });
}

async function accept(client: Queryable, runId: string | undefined, acceptance: Acceptance): Promise<string | undefined> {
  if (runId === undefined) return undefined;
  await client.query('UPDATE runs SET accepted = $2 WHERE id = $1', [runId, JSON.stringify(acceptance)]);
  await recordAction(client, runId, { action: 'accept', by: acceptance.by, at: acceptance.at });
  return runId;
}

/** How many rows an operator accepted for a run in a verdict with this error code, possibly after the run was claimed. */
export async function acceptedRows(database: Queryable, run: Pick<Lease, 'runId'>, code: ErrorCode): Promise<number> {
  const accepted = await readAcceptance(database, run);
  return accepted?.code === code ? accepted.rows : 0;
}

/** What an operator accepted for a run, possibly after it was claimed. */
export async function readAcceptance(database: Queryable, { runId }: Pick<Lease, 'runId'>): Promise<Acceptance | undefined> {
  const { rows } = await database.query<{ accepted: Acceptance }>('SELECT accepted FROM runs WHERE id = $1 AND accepted IS NOT NULL', [
    runId,
  ]);
  return rows[0]?.accepted;
}
