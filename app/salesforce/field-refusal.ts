import { AppError, isAppError } from '../errors.ts';
import { refusalCode } from './errors.ts';

/** Why Salesforce refused a query because of the fields it selects. */
export interface FieldRefusal {
  code: 'INVALID_FIELD' | 'QUERY_TOO_COMPLICATED';
  /** Salesforce's raw message, which may quote the query: never log or show it */
  message: string;
}

/** The refusal in a translated error; undefined for other errors. */
export function toFieldRefusal(error: unknown): FieldRefusal | undefined {
  const code = refusalCode(error);
  if (code === undefined || !isAppError(error) || error.code !== 'salesforce_refused') return undefined;
  const { message = '' } = (error.cause ?? {}) as { message?: string };
  // Bulk may give the code in the message only.
  return parseFieldRefusal(`${code}: ${message}`);
}

/** The refusal in the message of a failed Bulk job. */
export function parseFieldRefusal(message: string): FieldRefusal | undefined {
  if (/\bQUERY_TOO_COMPLICATED\b/.test(message)) return { code: 'QUERY_TOO_COMPLICATED', message };
  return /\bINVALID_FIELD\b|No such column '/.test(message) ? { code: 'INVALID_FIELD', message } : undefined;
}

/** The error of an immediately refused query, for a failed Bulk job or a query that cannot be sent. */
export function refusedQueryError(objectName: string, { code, message }: FieldRefusal): AppError {
  return new AppError('salesforce_refused', `Could not query ${objectName}: Salesforce refused it (${code}).`, {
    cause: new Error(message),
    details: { salesforce_code: code },
  });
}

/**
 * Which of these fields a refusal names: the X in `No such column 'X'`, or else the first quoted field, because messages may be in the
 * user's language.
 */
export function findRefusedField({ message }: FieldRefusal, fields: readonly string[], objectName: string): string | undefined {
  const spelled = new Map(fields.map((field) => [field.toLowerCase(), field]));
  const column = /No such column '(\w+)'/.exec(message);
  if (column) return spelled.get(column[1]!.toLowerCase());
  const quoted = [...message.matchAll(/['"‘“„«]\s?([A-Za-z]\w*)\s?['"’”“»]/g)].map(([, name]) => name!.toLowerCase());
  const found = quoted.find((name) => name !== objectName.toLowerCase() && spelled.has(name));
  return found && spelled.get(found);
}
