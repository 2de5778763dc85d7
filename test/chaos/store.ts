import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { isAppError } from '../../app/errors.ts';

/** The job store. */
export interface Store {
  /** Runs a statement, again if Postgres is restarting. */
  query<Row extends pg.QueryResultRow>(sql: string, parameters?: unknown[]): Promise<pg.QueryResult<Row>>;
}

export function storeOf(pool: pg.Pool): Store {
  return {
    async query<Row extends pg.QueryResultRow>(sql: string, parameters?: unknown[]) {
      for (;;) {
        try {
          return await pool.query<Row>(sql, parameters);
        } catch (error) {
          if (!isAppError(error)) throw error;
          await sleep(100);
        }
      }
    },
  };
}
