import type { Events } from '../events.ts';

/** Longer than it takes to release runs and close connections. */
const MAX_STOP_MS = 30_000;

/**
 * Aborts on the first uncaught error and logs it as one line. The state of the process is unknown after that, so the service releases its
 * runs and exits; if that takes too long, the process exits anyway.
 */
export function stopWhenUncaught(events: Events): AbortSignal {
  const controller = new AbortController();
  process.on('uncaughtException', (error: unknown) => {
    if (controller.signal.aborted) return;
    events.uncaughtError(error);
    setTimeout(() => process.exit(1), MAX_STOP_MS).unref();
    controller.abort();
  });
  return controller.signal;
}
