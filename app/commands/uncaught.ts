import { describeError, type Log } from '../log.ts';

/** Longer than runs get to be let go and connections to be closed. */
const MAX_STOP_MS = 30_000;

/**
 * Aborts at the first error that nothing caught, and logs it as one line. What state it left is unknown, so the service should hand back
 * its runs and end; the process ends by itself where that takes too long.
 */
export function stopWhenUncaught(log: Log): AbortSignal {
  const controller = new AbortController();
  process.on('uncaughtException', (error: unknown) => {
    if (controller.signal.aborted) return;
    log.fatal({ event: 'uncaught_error', ...describeError(error) }, 'an error was not caught: the service hands back its runs and ends');
    setTimeout(() => process.exit(1), MAX_STOP_MS).unref();
    controller.abort();
  });
  return controller.signal;
}
