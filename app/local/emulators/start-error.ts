/** Why the emulators cannot start: one sentence for the user, shown without a stack trace. */
export class StartError extends Error {
  override name = 'StartError';
}

export function isStartError(error: unknown): error is StartError {
  return error instanceof StartError;
}
