import { AppError } from '../../errors.ts';
import { isCalendarDate } from '../calendar-date.ts';
import { MIN_DATE, windowEnd } from '../runs/window.ts';
import type { Every } from './every.ts';

/**
 * Parses a job's start date: `YYYY-MM-DD` (UTC), or `all` for all records.
 * @throws AppError invalid_request if it is not a date, is before 1700 (Salesforce's minimum), or is after `today`
 */
export function parseStartDate(text: string, today: Date): Date {
  if (text === 'all') return MIN_DATE;
  if (!isCalendarDate(text)) {
    throw new AppError('invalid_request', 'start_date must be a date in the form YYYY-MM-DD, for example 2024-03-10, or the word all.');
  }
  const date = new Date(`${text}T00:00:00Z`);
  if (date < MIN_DATE) throw new AppError('invalid_request', 'start_date is before 1700-01-01. Use all to import everything.');
  if (date > today) {
    throw new AppError('invalid_request', `start_date ${text} is in the future. Use today (${formatDate(today)} UTC) or an earlier date.`);
  }
  return date;
}

/** The UTC date of an instant, as `YYYY-MM-DD`. */
function formatDate(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}

/** Parses a bound of a range: a date (its midnight, UTC) or an instant in UTC, to the second. @throws AppError invalid_request */
export function parseBound(name: string, text: string): Date {
  const [date, time] = [text.slice(0, 10), text.slice(10)];
  const instant = new Date(`${date}${time || 'T00:00:00Z'}`);
  if (isCalendarDate(date) && /^(T\d{2}:\d{2}:\d{2}(\.000)?Z)?$/.test(time) && !Number.isNaN(instant.getTime())) return instant;
  throw new AppError('invalid_request', `${name} must be a date or an instant in UTC, for example 2024-03-10 or 2024-03-10T14:30:00Z.`);
}

/** An instant to the minute, for example `2026-11-26 00:00 UTC`. */
export function formatInstant(instant: Date): string {
  return `${instant.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** A bound of a window: its UTC date if it is a midnight, otherwise a timestamp, for example `2026-11-26T10:15:00.000Z`. */
export function formatBound(bound: Date): string {
  return windowEnd(bound, 'day').getTime() === bound.getTime() ? formatDate(bound) : bound.toISOString();
}

/** A job's `last_date`: a date for daily jobs, even between two runs of a long window; otherwise a bound. `all` if nothing is imported yet. */
export function formatLastDate(syncedTo: Date, every: Every): string {
  return every === 'day' || syncedTo.getTime() === MIN_DATE.getTime() ? formatStartDate(syncedTo) : formatBound(syncedTo);
}

/** Formats a start date the way `parseStartDate` reads it. */
export function formatStartDate(startDate: Date): string {
  return startDate.getTime() === MIN_DATE.getTime() ? 'all' : formatDate(startDate);
}
