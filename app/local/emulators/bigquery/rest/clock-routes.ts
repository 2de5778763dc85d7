import type { Clock } from '../clock.ts';
import { type Database, readResources, saveResource } from '../storage/database.ts';
import { ApiError } from './api-error.ts';
import { jsonBody, type Router } from './http.ts';

/** GET /emulator/clock returns the warehouse's time, PUT `{"now": …}` moves it forward, also for later starts with the same file. */
export function addClockRoutes(router: Router, clock: Clock, database: Database): void {
  const currentTime = () => ({ now: new Date(clock.now()).toISOString() });
  router.on('GET', '/emulator/clock', currentTime);
  router.on('PUT', '/emulator/clock', async ({ request }) => {
    const { now } = await jsonBody(request);
    try {
      clock.moveTo(Date.parse(String(now)));
    } catch (cause) {
      throw new ApiError('invalid', cause instanceof RangeError ? cause.message : String(cause), { cause });
    }
    await database.transaction((transaction) => saveResource(transaction, 'clock', 'clock', { shiftMs: clock.shiftMs }));
    return currentTime();
  });
}

/** Restores the clock from when the database was closed. */
export async function restoreClock(clock: Clock, database: Database): Promise<void> {
  const [kept] = await readResources<{ shiftMs: number }>(database, 'clock');
  if (kept) clock.restore(kept.shiftMs);
}
