/** Why the emulators do not start, in one sentence for the user, who needs no stack. */
export class StartError extends Error {
  override name = 'StartError';
}

export function isStartError(error: unknown): error is StartError {
  return error instanceof StartError;
}
