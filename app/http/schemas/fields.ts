import * as z from 'zod';
import { parseBoolean } from '../../core/parse-boolean.ts';
import { isRunId } from '../../core/runs/run-id.ts';
import { AppError, isAppError } from '../../errors.ts';
import { EXAMPLE } from './examples.ts';

/** What the documentation says about a field. `type` and `enum` describe its value, which is always text in a form. */
interface About {
  description: string;
  example?: string;
  type?: 'boolean' | 'integer';
  enum?: readonly string[];
  minimum?: number;
  maximum?: number;
}

/** A required field. @param parse reads its text @throws nothing: what `parse` throws as AppError becomes an issue with its message */
export function field<Value>(parse: (text: string) => Value, about: About) {
  return z
    .string()
    .transform((text, context): Value => {
      try {
        return parse(text);
      } catch (error) {
        if (!isAppError(error)) throw error;
        context.issues.push({ code: 'custom', message: error.message, input: text });
        return z.NEVER;
      }
    })
    .meta({ ...about });
}

/** A required field with any text. */
export function text(description: string, example?: string) {
  return z.string().meta({ description, ...(example !== undefined && { example }) });
}

/** An optional field with any text. */
export function optionalText(description: string, example?: string) {
  return z.optional(text(description, example));
}

/** A required field with one of a few values. */
export function choice<const Value extends string>(name: string, values: readonly Value[], description: string) {
  const parse = (given: string): Value => {
    const known = values.find((value) => value === given);
    if (known !== undefined) return known;
    throw new AppError('invalid_request', `${name} must be ${new Intl.ListFormat('en', { type: 'disjunction' }).format(values)}.`);
  };
  return field(parse, { description, enum: values });
}

/** An optional field that is true or false. */
export function flag(name: string, description: string) {
  return z.optional(field((given) => parseBoolean(name, given), { description, type: 'boolean' }));
}

/** Checks the syntax of an object's name. @throws AppError invalid_request */
export function parseObjectName(objectName: string): string {
  if (/^[A-Za-z][A-Za-z0-9_]{0,79}$/.test(objectName)) return objectName;
  throw new AppError('invalid_request', 'object_name must be an API name, for example Account or Invoice__c.');
}

const parseId =
  (what: 'job' | 'run') =>
  (given: string): string => {
    if (isRunId(given)) return given;
    throw new AppError('invalid_request', `${what}_id must be a UUID. Take it from /jobs.`);
  };

/** The field user_id. */
export const userId = text('What login_oauth_callback returned, or the alias or id of a connection.', EXAMPLE.userId);

/** The field object_name. */
export const objectName = field(parseObjectName, { description: 'The API name of an object.', example: 'Account' });

/** The parameter job_id of a path. */
export const jobId = field(parseId('job'), { description: 'The id of a job, which /jobs shows.', example: EXAMPLE.jobId });

/** The parameter run_id of a path. */
export const runId = field(parseId('run'), { description: 'The id of a run, which /jobs shows.', example: EXAMPLE.runId });

/** The parameter connection of a path. */
export const connection = text('The id or alias of a connection, or its user_id, percent-encoded.', 'production');

/** The field login_url; an origin without a trailing slash. */
export const loginUrl = z.optional(
  field((given) => given.replace(/\/$/, ''), {
    description: 'One of the configured login hosts.',
    example: 'https://login.salesforce.com',
  }),
);
