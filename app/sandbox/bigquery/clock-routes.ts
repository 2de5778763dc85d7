import { ApiError } from './api-error.ts';
import type { Clock } from './clock.ts';
import { jsonBody, type Router } from './http.ts';

/** GET /sandbox/clock tells the warehouse's time, PUT `{"now": …}` moves it forward. */
export function addClockRoutes(router: Router, clock: Clock): void {
  const told = () => ({ now: new Date(clock.now()).toISOString() });
  router.on('GET', '/sandbox/clock', told);
  router.on('PUT', '/sandbox/clock', async ({ request }) => {
    const { now } = await jsonBody(request);
    try {
      clock.moveTo(Date.parse(String(now)));
    } catch (cause) {
      throw new ApiError('invalid', cause instanceof RangeError ? cause.message : String(cause), { cause });
    }
    return told();
  });
}
