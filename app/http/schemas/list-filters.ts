import * as z from 'zod';
import { isCalendarDate } from '../../core/calendar-date.ts';
import { AppError } from '../../errors.ts';
import { field, objectName, optionalText } from './fields.ts';

/** The filters of lists of jobs and of runs. */
export const listFilters = {
  connection: optionalText('Only of this connection: its id or alias, or its user_id.', 'production'),
  object_name: z.optional(objectName),
};

/** A filter by time. */
export function timeFilter(name: string, description: string, example: string) {
  return z.optional(field((text) => parseTime(name, text), { description, example }));
}

function parseTime(name: string, text: string): Date {
  const time = new Date(text);
  // A time without a zone would be read in that of this machine.
  const isComplete = /^.{10}(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  if (isComplete && isCalendarDate(text.slice(0, 10)) && !Number.isNaN(time.getTime())) return time;
  throw new AppError('invalid_request', `${name} must be a date or an instant, for example 2026-11-26 or 2026-11-26T10:15:00Z.`);
}
