import type { Context } from '../context.ts';
import { tick } from './tick.ts';

const EVERY_MS = 60 * 60 * 1000;

/** Ticks now and every hour of real time: for a single machine, where no external schedule calls the service. */
export function tickHourly(context: Context): { stop(): void } {
  const tickNow = (): void => {
    tick(context).catch(context.events.tickFailed);
  };
  tickNow();
  const timer = setInterval(tickNow, EVERY_MS);
  return { stop: () => clearInterval(timer) };
}
