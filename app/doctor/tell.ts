import { isAppError } from '../errors.ts';

/** Our own errors say what to do; of others, the code is told, since their texts may quote what is secret. */
export function tell(error: unknown): string {
  if (isAppError(error)) return error.message;
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  return code ? `${name} ${code}` : (message ?? String(error));
}
