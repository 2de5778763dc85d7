import { findReportedRuns } from '../bigquery/reported-runs.ts';
import { findRunningJobs } from '../bigquery/running-jobs.ts';
import { homeDataset } from '../config.ts';
import type { Context } from '../context.ts';
import { type PublishedStore, storeRestoredError } from '../core/connections/agreement.ts';
import { AppError } from '../errors.ts';
import { insertChange } from '../store/audit.ts';
import { transaction } from '../store/database.ts';
import { type AcceptedStore, acceptStore, readJobIds, readUnreportedRuns } from '../store/installation.ts';
import { publishOutbox } from '../sync/watch/publish-outbox.ts';

/** How many BigQuery jobs a message names. */
const MAX_NAMED = 5;

/**
 * Accepts a restored job store: gives it a new epoch, which other job stores of the installation recognize, and starts its open runs over from
 * its `last_date`.
 * @param by who accepts it
 * @throws AppError conflict if it agrees with BigQuery, if the other job store may be in use, or if BigQuery still runs jobs that it started
 */
export async function acceptRestore(context: Context, by: string, signal: AbortSignal): Promise<AcceptedStore> {
  const { database, agreement, limits, events } = context;
  const { own, published, disagreement } = await agreement.compare();
  if (!published || !disagreement) {
    throw new AppError('conflict', 'The job store agrees with BigQuery, so there is nothing to accept. The service runs by itself.');
  }
  if (disagreement.isAlive) {
    throw new AppError('conflict', storeRestoredError(disagreement, homeDataset(context.config), limits.aliveMs).message);
  }
  await requireNothingRunning(context);
  const reported = await reportedRuns(context, published, own.id);
  const accepted = await transaction(database, async (client) => {
    const done = await acceptStore(client, own, published, by, reported);
    if (!done) throw new AppError('conflict', 'The job store has just been accepted by another caller.');
    await insertChange(client, { by, action: 'store_accepted', details: { epoch: done.epoch, runs: done.runs } });
    return done;
  });
  events.storeAccepted(accepted.epoch, accepted.runs, accepted.loggedOut.length, by);
  await agreement.refresh();
  await publishOutbox(context, signal);
  return accepted;
}

/** Statements of the lost timeline that still run would write to the target tables beside those of the runs that start over. */
async function requireNothingRunning({ database, warehouse, config }: Context): Promise<void> {
  const { datasets, stagingDataset } = config.bigquery;
  const jobIds = new Set(await readJobIds(database));
  const running = await findRunningJobs(warehouse, { jobIds, datasets: new Set([...datasets, stagingDataset]) });
  if (running.length === 0) return;
  const left = running.length - MAX_NAMED;
  const named = `${running.slice(0, MAX_NAMED).join(', ')}${left > 0 ? ` and ${left} more` : ''}`;
  throw new AppError(
    'conflict',
    `BigQuery still runs jobs that the service started before: ${named}. Wait until they have ended, or cancel them with bq cancel. Then run accept-restore again.`,
  );
}

/** The runs that `_runs` contains already; it must contain each once. */
async function reportedRuns({ database, warehouse }: Context, { installation }: PublishedStore, ownId: string): Promise<string[]> {
  if (installation !== ownId) return [];
  const reported: string[] = [];
  for (const [dataset, runIds] of await readUnreportedRuns(database)) {
    reported.push(...(await findReportedRuns(warehouse, dataset, runIds)));
  }
  return reported;
}
