import pino from 'pino';
import { AppError } from './errors.ts';

export type Log = pino.Logger;

/** Names under which a secret, or a record's value, might come; whatever the depth. */
const SECRET = /token|secret|password|authorization|cookie|verifier|api_?key|signature|assertion|^code$/i;

/** JSON lines: codes, columns, counts and ids; never secrets or values of records. */
export function createLog(destination?: pino.DestinationStream): Log {
  const options: pino.LoggerOptions = {
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: (fields) => redact(fields) as Record<string, unknown> },
  };
  return destination ? pino(options, destination) : pino(options);
}

/**
 * What of an error may be logged: foreign errors' messages quote values and URLs, so of those only codes and places are kept. Every name
 * begins with `error_`, and what is known of the error stands below one of them: no field of the line itself is ever overwritten.
 */
export function describeError(error: unknown): Record<`error_${string}`, unknown> {
  if (!(error instanceof AppError)) return { error_code: 'internal', error_cause: placeOf(error) };
  return {
    error_code: error.code,
    error_message: error.message,
    ...(Object.keys(error.details).length > 0 && { error_details: error.details }),
    ...(error.cause ? { error_cause: placeOf(error.cause) } : {}),
  };
}

function placeOf(error: unknown): Record<string, unknown> {
  const { name, code, message, stack } = (error ?? {}) as { name?: unknown; code?: unknown; message?: unknown; stack?: unknown };
  return {
    name: typeof name === 'string' ? name : typeof error,
    ...(typeof code === 'string' || typeof code === 'number' ? { foreign_code: code } : {}),
    at: framesOf(String(stack ?? ''), String(message ?? '')),
  };
}

/** A stack begins with the message, whose lines may look like frames; where it does not hold it, nothing tells them apart. */
function framesOf(stack: string, message: string): string[] {
  if (!stack.includes(message)) return [];
  const lines = stack.slice(stack.indexOf(message) + message.length).split('\n');
  return lines
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 4)
    .map((line) => line.trim());
}

function redact(value: unknown, depth = 0): unknown {
  if (depth > 6 || value === null || typeof value !== 'object' || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, SECRET.test(name) ? '[redacted]' : redact(item, depth + 1)]),
  );
}
