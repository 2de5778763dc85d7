import { AppError } from '../../errors.ts';

/** A time of each day, `08:00-18:00 Europe/Berlin`: from and to are minutes of the day in that time zone, and to may be earlier than from. */
interface QuietHours {
  from: number;
  to: number;
  zone: string;
}

const DAY_MINUTES = 24 * 60;

/**
 * Reads quiet hours as a caller writes them: `22:00-06:00`, in UTC, or with an IANA time zone.
 * @returns them as stored, with the time zone
 * @throws AppError invalid_request
 */
export function parseQuietHours(text: string): string {
  const found = read(text);
  if (found && found.from !== found.to && isZone(found.zone)) return `${text.trim().split(/\s+/)[0]} ${found.zone}`;
  throw new AppError(
    'invalid_request',
    'quiet_hours must be a time of day, for example 08:00-18:00 (UTC) or 08:00-18:00 Europe/Berlin; empty for none.',
  );
}

/** When the quiet hours end that contain this moment; null if none do. @param stored as returned by `parseQuietHours`; null: there are none */
export function quietUntil(stored: string | null, now: Date): Date | null {
  const hours = stored === null ? undefined : read(stored);
  if (!hours) return null;
  const { from, to, zone } = hours;
  const minute = minuteOfDay(now, zone);
  const isQuiet = from < to ? minute >= from && minute < to : minute >= from || minute < to;
  if (!isQuiet) return null;
  // If clocks change meanwhile, this is an hour off; the hours are checked again then.
  const minutesLeft = (to - minute + DAY_MINUTES) % DAY_MINUTES;
  return new Date(Math.floor(now.getTime() / 60_000) * 60_000 + minutesLeft * 60_000);
}

function read(text: string): QuietHours | undefined {
  const match = /^\s*([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?:\s+(\S+))?\s*$/.exec(text);
  if (!match) return undefined;
  const [fromHour, fromMinute, toHour, toMinute] = match.slice(1, 5).map(Number) as [number, number, number, number];
  return { from: fromHour * 60 + fromMinute, to: toHour * 60 + toMinute, zone: match[5] ?? 'UTC' };
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function minuteOfDay(instant: Date, timeZone: string): number {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const [hour, minute] = format.format(instant).split(':').map(Number) as [number, number];
  return hour * 60 + minute;
}
