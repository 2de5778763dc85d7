import type pg from 'pg';
import type { RunAction } from '../../core/runs/run-action.ts';
import { type Queryable, transaction } from '../database.ts';

/**
 * Changes a run as an operator requested, and records the action, in one transaction.
 * @param change returns the id of the run that it changed or queued; undefined: none
 * @returns that id
 */
export async function actOnRun(
  database: pg.Pool,
  { action, by }: Omit<RunAction, 'at'>,
  change: (client: Queryable) => Promise<string | undefined>,
): Promise<string | undefined> {
  return await transaction(database, async (client) => {
    const runId = await change(client);
    if (runId !== undefined) await recordAction(client, runId, { action, by, at: new Date().toISOString() });
    return runId;
  });
}

/** Records an action on a run. */
export async function recordAction(client: Queryable, runId: string, action: RunAction): Promise<void> {
  await client.query('UPDATE runs SET actions = actions || $2::jsonb WHERE id = $1', [runId, JSON.stringify([action])]);
}
