import type pg from 'pg';
import { keptOf, type RunEvent } from '../../core/runs/kept-events.ts';
import type { Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** How many events of a run are kept. */
export const MAX_EVENTS = 200;

/** Events are written in batches, so that no run waits for them; a process that dies loses those of this interval. */
const WRITE_MS = 1_000;

/** After this time, a claim is written although nothing else of its run has happened. */
const CLAIM_MS = 10_000;

/** Events of one statement. */
const BATCH_SIZE = 500;

/** While the job store is unreachable, so many events wait; older ones are dropped. */
const MAX_WAITING = 5_000;

/** An event of a run, as stored. */
export type StoredEvent = Omit<RunEvent, 'runId'>;

/** Keeps the events of runs in the job store, except those of windows without rows. Never throws, and no run waits for it. */
export class RunEvents {
  readonly #database: pg.Pool;
  readonly #redact: (details: RunEvent['details']) => unknown;
  readonly #onError: (error: unknown) => void;
  /** claims of runs of which nothing else has happened, by run */
  readonly #claims = new Map<string, RunEvent>();
  #waiting: RunEvent[] = [];
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param redact as for the log
   * @param onError called if events could not be written; they are kept for the next write
   */
  constructor(database: pg.Pool, redact: (details: RunEvent['details']) => unknown, onError: (error: unknown) => void) {
    this.#database = database;
    this.#redact = redact;
    this.#onError = onError;
  }

  /** Takes an event, to be written soon. */
  add(event: RunEvent): void {
    const kept = keptOf(event);
    if (kept === 'start') this.#claims.set(event.runId, event);
    // Its claim may have been written by now: then its end is, too.
    else if (kept === 'nothing' && this.#claims.delete(event.runId)) return;
    else this.#waiting.push(...this.#takeClaim(event.runId), event);
    this.#schedule();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.write();
    }, WRITE_MS).unref();
  }

  #takeClaim(runId: string): RunEvent[] {
    const claim = this.#claims.get(runId);
    this.#claims.delete(runId);
    return claim ? [claim] : [];
  }

  /** Writes what was added, except recent claims. @param all also recent claims */
  write(all = false): Promise<void> {
    // Serialize, to write the events of a run in order.
    this.#writing = this.#writing.then(() => this.#writeAll(all)).catch(this.#onError);
    return this.#writing;
  }

  async #writeAll(all: boolean): Promise<void> {
    const oldest = Date.now() - CLAIM_MS;
    for (const claim of this.#claims.values()) {
      // In order of their time.
      if (!all && claim.at.getTime() > oldest) break;
      this.#waiting.push(...this.#takeClaim(claim.runId));
    }
    this.#waiting = this.#waiting.slice(-MAX_WAITING);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_SIZE);
      try {
        await insertEvents(this.#database, batch, this.#redact);
      } catch (error) {
        this.#waiting.unshift(...batch);
        this.#schedule();
        throw error;
      }
    }
    if (this.#claims.size > 0) this.#schedule();
  }
}

/** Inserts events in their order, except those of runs that are deleted, and deletes the oldest of runs that have too many. */
async function insertEvents(
  database: Queryable,
  events: readonly RunEvent[],
  redact: (details: RunEvent['details']) => unknown,
): Promise<void> {
  const { rows } = await database.query<{ run_id: string }>(
    `WITH added AS (
       INSERT INTO run_events (run_id, at, level, event, details)
       SELECT runs.id, added.at, added.level, added.event, added.details
       FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::json[]) WITH ORDINALITY AS added (run_id, at, level, event, details, place)
       JOIN runs ON runs.id = added.run_id ORDER BY place RETURNING run_id
     )
     SELECT DISTINCT run_id FROM added`,
    [
      events.map(({ runId }) => runId),
      events.map(({ at }) => at),
      events.map(({ level }) => level),
      events.map(({ event }) => event),
      events.map(({ details }) => JSON.stringify(redact(details))),
    ],
  );
  await database.query(
    `DELETE FROM run_events USING unnest($1::uuid[]) AS added (run_id) CROSS JOIN LATERAL (
       SELECT id FROM run_events AS newer WHERE newer.run_id = added.run_id ORDER BY id DESC OFFSET ${MAX_EVENTS} LIMIT 1) AS oldest
     WHERE run_events.run_id = added.run_id AND run_events.id <= oldest.id`,
    [rows.map(({ run_id }) => run_id)],
  );
}

/** The events of a run, the newest first, at most MAX_EVENTS. */
export async function listRunEvents(database: Queryable, runId: string): Promise<StoredEvent[]> {
  const { rows } = await database.query<RowOf<StoredEvent>>(
    `SELECT at, level, event, details FROM run_events WHERE run_id = $1 ORDER BY id DESC LIMIT ${MAX_EVENTS}`,
    [runId],
  );
  return rows.map(toRecord);
}
