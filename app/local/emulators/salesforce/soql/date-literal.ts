const DAY_MS = 86_400_000;
const DAYS_AROUND = 90;

type Unit = 'DAY' | 'WEEK' | 'MONTH' | 'QUARTER' | 'YEAR';

/** A half-open range of days; dates as `2023-03-20`. */
export interface Days {
  from: string;
  to: string;
}

/** The range of a literal such as TODAY or LAST_N_DAYS:3 on a given day; undefined if the emulator does not support it. */
export function daysOf(literal: string, today: string): Days | undefined {
  const [name = '', count = ''] = literal.toUpperCase().split(':');
  const named: Record<string, () => Days> = {
    TODAY: () => units('DAY', today, 0, 1),
    YESTERDAY: () => units('DAY', today, -1, 0),
    TOMORROW: () => units('DAY', today, 1, 2),
    LAST_90_DAYS: () => units('DAY', today, -DAYS_AROUND, 1),
    NEXT_90_DAYS: () => units('DAY', today, 1, DAYS_AROUND + 1),
  };
  return named[name]?.() ?? unitLiteral(name, today) ?? countedLiteral(name, Number(count), today);
}

/** LAST_WEEK, THIS_QUARTER, NEXT_YEAR … */
function unitLiteral(name: string, today: string): Days | undefined {
  const [, which, unit] = /^(LAST|THIS|NEXT)_(WEEK|MONTH|QUARTER|YEAR)$/.exec(name) ?? [];
  if (!which) return undefined;
  const from = { LAST: -1, THIS: 0, NEXT: 1 }[which] ?? 0;
  return units(unit as Unit, today, from, from + 1);
}

/** LAST_N_DAYS:3 includes today; LAST_N_WEEKS:3 and longer units end before the current one. */
function countedLiteral(name: string, count: number, today: string): Days | undefined {
  const [, which, plural, ago] = /^(?:(LAST|NEXT)_N_|N_)(DAY|WEEK|MONTH|QUARTER|YEAR)S(_AGO)?$/.exec(name) ?? [];
  const unit = plural as Unit;
  if (ago) return units(unit, today, -count, -count + 1);
  if (which === 'LAST') return units(unit, today, -count, unit === 'DAY' ? 1 : 0);
  return which === 'NEXT' ? units(unit, today, 1, count + 1) : undefined;
}

function units(unit: Unit, today: string, from: number, to: number): Days {
  return { from: startOf(unit, today, from), to: startOf(unit, today, to) };
}

/** The first day of the unit at this offset from the current one. Weeks start on Monday, by the user's locale. */
function startOf(unit: Unit, today: string, after: number): string {
  const day = new Date(`${today}T00:00:00Z`);
  const [year, month] = [day.getUTCFullYear(), day.getUTCMonth()];
  if (unit === 'YEAR') return iso(Date.UTC(year + after, 0, 1));
  if (unit === 'QUARTER') return iso(Date.UTC(year, (Math.floor(month / 3) + after) * 3, 1));
  if (unit === 'MONTH') return iso(Date.UTC(year, month + after, 1));
  const sinceMonday = unit === 'WEEK' ? (day.getUTCDay() + 6) % 7 : 0;
  return iso(day.getTime() + (after * (unit === 'WEEK' ? 7 : 1) - sinceMonday) * DAY_MS);
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}

/** The date of an instant in a time zone. */
export function dateIn(zone: string, instant: Date): string {
  return instant.toLocaleDateString('sv-SE', { timeZone: zone });
}

/** The instant at which a day starts in a time zone. */
export function midnightIn(zone: string, date: string): Date {
  const guess = new Date(`${date}T00:00:00Z`);
  const shown = (at: Date): number => Date.parse(`${at.toLocaleString('sv-SE', { timeZone: zone }).replace(' ', 'T')}Z`);
  // Twice, because the offset at the guess may differ from the offset at midnight.
  const first = new Date(guess.getTime() * 2 - shown(guess));
  return new Date(first.getTime() + guess.getTime() - shown(first));
}
