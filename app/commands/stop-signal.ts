/** npm forwards a terminal's interrupt, so it arrives twice; only a later signal counts as a second one. */
const SECOND_SIGNAL_MS = 1_000;

/**
 * Aborts on the first SIGTERM or SIGINT so that a command can shut down cleanly; a second one exits the process. Also aborts when the
 * reader closes stdout (`| head`; the reason is EPIPE) and when our parent process is killed: it cannot signal us, but its IPC channel
 * closes.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      first ||= Date.now();
      if (Date.now() - first > SECOND_SIGNAL_MS) process.exit(1);
      controller.abort();
    });
  }
  process.stdout.on('error', (error) => controller.abort(error));
  process.stderr.on('error', () => {});
  if (process.send) process.once('disconnect', () => controller.abort());
  return controller.signal;
}
