import type { Context } from '../context.ts';
import { tick } from './tick.ts';

/** The shortest interval of a job (`every`). */
const TICK_MS = 15 * 60 * 1000;

/** Ticks now and every 15 minutes of real time: for a single machine, where no external schedule calls the service. */
export function keepTicking(context: Context): { stop(): void } {
  const tickNow = (): void => {
    tick(context, 'this process').catch(context.events.tickFailed);
  };
  tickNow();
  const timer = setInterval(tickNow, TICK_MS);
  return { stop: () => clearInterval(timer) };
}
