import { loadRows } from '../../bigquery/load/load-rows.ts';
import { ensureMetadataTables } from '../../bigquery/tables/metadata-tables.ts';
import { homeDataset } from '../../config.ts';
import type { Context } from '../../context.ts';
import { abortable } from '../../core/abortable.ts';
import { INSTALLATION_TABLE, METADATA_TABLES } from '../../core/fields/metadata-tables.ts';
import { fillInstallation, fillOutbox } from '../../store/outbox/fill-outbox.ts';
import { type Batch, claimBatch, finishBatch, raiseLoadTry } from '../../store/outbox/outbox.ts';
import { batchJobId } from '../names.ts';

const TABLES = new Map([...METADATA_TABLES, INSTALLATION_TABLE].map((table) => [table.name, table]));

/**
 * Writes to the metadata tables what has happened since the last time: creates the batches that are due, and loads them one after the
 * other. Logs a failure and stops, because it probably concerns the other batches as well; they are retried after the interval of their
 * table. Any number of processes may do this at the same time, and any of them may die at any point. Does nothing unless the job store agrees
 * with BigQuery.
 * @throws AppError store_unavailable; the signal's reason
 */
export async function publishOutbox(context: Context, signal: AbortSignal): Promise<void> {
  const { database, agreement, limits, events } = context;
  const state = await abortable(signal, agreement.current());
  if (state.kind !== 'agrees') return;
  await fillOutbox(database);
  await fillInstallation(database, homeDataset(context.config), state.address);
  const foreign = new Map<string, string[]>();
  const claimed = new Set<number>();
  for (;;) {
    signal.throwIfAborted();
    const batch = await claimBatch(database, [...TABLES.keys()], limits.outboxMs);
    // One that waits is due again if this takes longer than the interval.
    if (!batch || claimed.has(batch.id)) return;
    claimed.add(batch.id);
    try {
      if (!foreign.has(batch.dataset)) foreign.set(batch.dataset, await prepareDataset(context, batch.dataset, signal));
      // The batch waits until the user renames that table.
      if (!foreign.get(batch.dataset)?.includes(batch.tableName)) await publishBatch(context, batch, signal);
    } catch (error) {
      signal.throwIfAborted();
      events.outboxNotLoaded(error, batch);
      return;
    }
  }
}

/** @returns the names of metadata tables and views that are not ours */
async function prepareDataset({ config, warehouse, events }: Context, dataset: string, signal: AbortSignal): Promise<string[]> {
  const tables = dataset === homeDataset(config) ? [...METADATA_TABLES, INSTALLATION_TABLE] : METADATA_TABLES;
  const foreign = await ensureMetadataTables(warehouse.withSignal(signal), dataset, tables);
  for (const table of foreign) events.metadataTableNotOurs(dataset, table);
  return foreign;
}

/** Loads a batch, or adopts its load job, and deletes its rows. @throws AppError if it is not loaded */
async function publishBatch({ database, warehouse }: Context, batch: Batch, signal: AbortSignal): Promise<void> {
  const { columns, write } = TABLES.get(batch.tableName)!;
  const outcome = await loadRows(warehouse.withSignal(signal), {
    jobId: batchJobId(batch, batch.loadTry),
    table: { project: warehouse.project, dataset: batch.dataset, table: batch.tableName },
    columns,
    rows: batch.rows,
    write,
    labels: { outbox: String(batch.id) },
  });
  if (!outcome.succeeded) {
    await raiseLoadTry(database, batch);
    throw outcome.error;
  }
  await finishBatch(database, batch);
}
