import type pg from 'pg';
import { RUNS_CHANNEL } from './queue-runs.ts';

/**
 * Listens for announcements of runs on a dedicated connection, until it breaks or is closed.
 * @param announced called on each announcement
 * @param broke called once if the connection breaks
 * @returns a function that closes the connection; it is idempotent
 */
export async function listenForRuns(database: pg.Pool, announced: () => void, broke: () => void): Promise<() => void> {
  const client = await database.connect();
  let open = true;
  const close = (): void => {
    // The pool throws when a client is released twice.
    if (open) client.release(true);
    open = false;
  };
  client.on('notification', announced);
  // Never removed: a server that shuts down may report it after the client was released.
  client.on('error', () => {
    const byItself = open;
    close();
    if (byItself) broke();
  });
  try {
    await client.query(`LISTEN ${RUNS_CHANNEL}`);
    return close;
  } catch (error) {
    close();
    throw error;
  }
}
