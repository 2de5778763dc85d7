import { MIN_DATE } from '../core/runs/window.ts';
import { html, type Markup } from './html.ts';

const NUMBER = new Intl.NumberFormat('en-US');

/** For example 1,482,310. */
export function formatNumber(number: number): string {
  return NUMBER.format(number);
}

/** For example "1 job", "1,204 jobs". */
export function count(number: number, noun: string, nouns = `${noun}s`): string {
  return `${formatNumber(number)} ${number === 1 ? noun : nouns}`;
}

/** For example "20 MB", in powers of ten, as BigQuery bills. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const power = bytes > 0 ? Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1) : 0;
  const scaled = bytes / 1000 ** power;
  return `${scaled < 10 && power > 0 ? scaled.toFixed(1) : NUMBER.format(Math.round(scaled))} ${units[power]}`;
}

/** For example "$4.18"; less than a cent is shown as such. */
export function formatDollars(dollars: number): string {
  if (dollars > 0 && dollars < 0.01) return 'under $0.01';
  return `$${dollars.toFixed(2)}`;
}

/** For example "850 ms", "4.2 s", "12 min", "14 h 12 min", "3 d 4 h". */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${ms < 10_000 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ''}`;
}

const DATE = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric' });
const DAY = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short' });

/** A bound of a window: for example "26 Nov 2026", or "26 Nov 2026, 10:15" if it is not midnight. */
export function formatBound(bound: Date): string {
  const time = bound.toISOString().slice(11, 16);
  const date = formatDay(DATE, bound);
  return time === '00:00' ? date : `${date}, ${time}`;
}

/** A window, for example "25 Nov → 26 Nov 2026", "26 Nov 2026, 10:15 → 10:30" or "26 Nov 2026, 00:00 → 00:15". */
export function formatWindow(from: Date, to: Date): string {
  if (from.getTime() === MIN_DATE.getTime()) return `up to ${formatBound(to)}`;
  if (from.toISOString().slice(0, 10) === to.toISOString().slice(0, 10)) {
    const [start, end] = [from, to].map((bound) => bound.toISOString().slice(11, 16));
    return `${formatDay(DATE, from)}, ${start} → ${end}`;
  }
  const isSameYear = from.getUTCFullYear() === to.getUTCFullYear();
  const isMidnight = from.toISOString().endsWith('T00:00:00.000Z');
  return `${isSameYear && isMidnight ? formatDay(DAY, from) : formatBound(from)} → ${formatBound(to)}`;
}

function formatDay(format: Intl.DateTimeFormat, day: Date): string {
  return format.format(day).replace('Sept', 'Sep');
}

/** What only a caller of the API can follow. */
const CALL = /\/v1\/|(?:^| )\/jobs\b|\b[a-z]+_importing_job\b|\bget_oauth_url\b|\blogin_oauth_callback\b/;

/** An error's message without what names calls of the API: a button stands for them. */
export function withoutCalls(message: string): string {
  const sentences = message.split(/(?<=[.!?]) (?=[A-Z])/);
  const others = sentences.flatMap((sentence) => {
    if (!CALL.test(sentence)) return [sentence];
    // What a person does before the call stays, unless it is the alternative to another call.
    const before = /^(?!Or )(.*), then call /.exec(sentence)?.[1];
    return before && !CALL.test(before) ? [`${before}.`] : [];
  });
  return others.length > 0 ? others.join(' ') : message;
}

/** A moment in UTC; browsers show the local time on hover. */
export function moment(time: Date, text = `${formatBound(time)} UTC`): Markup {
  return html`<time datetime=${time.toISOString()} tabindex="0">${text}</time>`;
}

/** How long ago a moment was, or in how long it comes. */
export function relative(time: Date, now: Date): Markup {
  const ms = time.getTime() - now.getTime();
  const seconds = Math.round(Math.abs(ms) / 1000) * 1000;
  const duration = seconds < 60_000 ? `${seconds / 1000} s` : formatDuration(seconds);
  const text = seconds < 5_000 ? 'now' : ms > 0 ? `in ${duration}` : `${duration} ago`;
  return moment(time, text);
}
