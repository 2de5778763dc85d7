import type pg from 'pg';
import { RUNS_CHANNEL } from './runs.ts';

/**
 * Listens for announcements of runs on a connection of its own, until that breaks or is closed.
 * @param announced called at each announcement
 * @param broke called once, when the connection broke by itself
 * @returns closes the connection; does nothing where it is closed already
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
  // Stays on: a server that shuts down may report it after the client was released.
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
