import { AsyncLocalStorage } from 'node:async_hooks';
import pino from 'pino';
import { embedMetrics } from './embedded-metrics.ts';
import { AppError, safeCode } from './errors.ts';

export type Log = pino.Logger;

/** Field names that might contain a secret or a record value, at any depth. */
const SECRET = /token|secret|password|authorization|cookie|verifier|api_?key|signature|assertion|^code$/i;

const requests = new AsyncLocalStorage<string>();

/** Does the work of a request. Every line that it logs, however deep, contains the request's id. */
export function duringRequest<T>(id: string, work: () => T): T {
  return requests.run(id, work);
}

/** The field of a line that names the request that causes it; none outside of requests. */
export function requestField(): { request_id?: string } {
  const id = requests.getStore();
  return id === undefined ? {} : { request_id: id };
}

/**
 * Logs JSON lines: codes, columns, counts, and ids; never secrets or record values.
 * @param metricsNamespace CloudWatch takes metrics from the lines, into this namespace; undefined: it takes none
 */
export function createLog(destination?: pino.DestinationStream, metricsNamespace?: string): Log {
  const options: pino.LoggerOptions = {
    base: null,
    mixin: requestField,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => {
        const redacted = redact(fields) as Record<string, unknown>;
        return metricsNamespace ? embedMetrics(redacted, metricsNamespace) : redacted;
      },
    },
  };
  return destination ? pino(options, destination) : pino(options);
}

/**
 * The loggable part of an error. Foreign messages quote values and URLs, so only their codes and stack frames are kept. Every name
 * starts with `error_`, so that no other field of the log line is overwritten.
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
    name: safeCode(name) ?? typeof error,
    ...(typeof code === 'string' || typeof code === 'number' ? { foreign_code: code } : {}),
    at: framesOf(String(stack ?? ''), String(message ?? '')),
  };
}

/** A stack starts with the message, whose lines may look like frames. If the stack does not contain it, they cannot be distinguished. */
function framesOf(stack: string, message: string): string[] {
  if (!stack.includes(message)) return [];
  const lines = stack.slice(stack.indexOf(message) + message.length).split('\n');
  return lines
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 4)
    .map((line) => line.trim());
}

/** Replaces what may be a secret, by the names of fields. */
export function redact(value: unknown, depth = 0): unknown {
  if (depth > 6 || value === null || typeof value !== 'object' || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, SECRET.test(name) ? '[redacted]' : redact(item, depth + 1)]),
  );
}
