import { AppError, isAppError } from '../errors.ts';
import { refusalCode } from './errors.ts';

/** Why Salesforce refused a query for the sake of the fields that it selects. */
export interface FieldRefusal {
  code: 'INVALID_FIELD' | 'QUERY_TOO_COMPLICATED';
  /** as it came: it may quote the query, and is neither logged nor shown */
  message: string;
}

/** The refusal in an error that was translated; undefined for all others. */
export function fieldRefusal(error: unknown): FieldRefusal | undefined {
  const code = refusalCode(error);
  if (code === undefined || !isAppError(error) || error.code !== 'salesforce_refused') return undefined;
  const { message = '' } = (error.cause ?? {}) as { message?: string };
  // Bulk may name the code in its message only.
  return fieldRefusalIn(`${code}: ${message}`);
}

/** The refusal in the message of a Bulk job that failed. */
export function fieldRefusalIn(message: string): FieldRefusal | undefined {
  if (/\bQUERY_TOO_COMPLICATED\b/.test(message)) return { code: 'QUERY_TOO_COMPLICATED', message };
  return /\bINVALID_FIELD\b|No such column '/.test(message) ? { code: 'INVALID_FIELD', message } : undefined;
}

/** An error like that of a query which is refused at once: of a Bulk job that failed, or of a query that cannot be sent. */
export function refusedQuery(objectName: string, { code, message }: FieldRefusal): AppError {
  return new AppError('salesforce_refused', `Could not query ${objectName}: Salesforce refused it (${code}).`, {
    cause: new Error(message),
    details: { salesforce_code: code },
  });
}

/**
 * Which of these fields a refusal names: in Salesforce's words, `No such column 'X'`, else, since messages may be in the user's language, the
 * first of them that stands in quotes.
 */
export function refusedField({ message }: FieldRefusal, fields: readonly string[], objectName: string): string | undefined {
  const spelled = new Map(fields.map((field) => [field.toLowerCase(), field]));
  const told = /No such column '(\w+)'/.exec(message);
  if (told) return spelled.get(told[1]!.toLowerCase());
  const quoted = [...message.matchAll(/['"‘“„«]\s?([A-Za-z]\w*)\s?['"’”“»]/g)].map(([, name]) => name!.toLowerCase());
  const found = quoted.find((name) => name !== objectName.toLowerCase() && spelled.has(name));
  return found && spelled.get(found);
}
