import { isAppError } from '../errors.ts';

/** The message of our own errors, which say what to do; otherwise the code, because foreign messages may quote secrets. */
export function errorMessage(error: unknown): string {
  if (isAppError(error)) return error.message;
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  return code ? `${name} ${code}` : (message ?? String(error));
}
