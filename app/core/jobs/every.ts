import { AppError } from '../../errors.ts';

/** How often windows close, in minutes. Each divides the day, so that windows close at the same times (UTC) every day. */
const MINUTES = {
  '15m': 15,
  '20m': 20,
  '30m': 30,
  '1h': 60,
  '2h': 2 * 60,
  '3h': 3 * 60,
  '4h': 4 * 60,
  '6h': 6 * 60,
  '8h': 8 * 60,
  '12h': 12 * 60,
  day: 24 * 60,
};

/** How often a job's windows close. */
export type Every = keyof typeof MINUTES;

/** All intervals, the shortest first. */
export const EVERY = Object.keys(MINUTES) as Every[];

/** The length of an interval in milliseconds. */
export function intervalMs(every: Every): number {
  return MINUTES[every] * 60_000;
}

/** Parses the parameter `every`. @throws AppError invalid_request */
export function parseEvery(text: string | undefined): Every {
  const known = EVERY.find((every) => every === (text ?? 'day'));
  if (known) return known;
  throw new AppError('invalid_request', `every must be ${new Intl.ListFormat('en', { type: 'disjunction' }).format(EVERY)}.`);
}
