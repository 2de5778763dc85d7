import { ACTIVITY_START } from '../objects/common-fields.ts';
import { Dice, textSeed } from './dice.ts';

const DAY_SECONDS = 86_400;
const FIRST_DAY = ACTIVITY_START / 1000 / DAY_SECONDS;
/** Ordinary change rates, from 2023-03-25 on. */
const QUIET_FROM = Date.UTC(2023, 2, 25) / 1000 / DAY_SECONDS;
/** From 2023-03-20 on, one row of each object is edited just after every midnight. */
const RESTAMPED_FROM = Date.UTC(2023, 2, 20) / 1000 / DAY_SECONDS;
/** Changes are kept in memory, so a large org does not have more of them per day. */
const MAX_A_DAY = 1000;

export interface ActivityEvent {
  /** Seconds since 1970. */
  second: number;
  /** `touch` is a system edit that moves only SystemModstamp. `restamp` edits the row that is edited every night. */
  kind: 'insert' | 'edit' | 'touch' | 'delete' | 'undelete' | 'restamp';
  /** Which row, as a fraction of the existing ones. */
  where: number;
  /** Seed of the new values. */
  seed: number;
  /** How long before this second the rows were stamped; random if absent. */
  commitSeconds?: number;
}

/** The first day on which the org changes, in days since 1970. */
export const FIRST_ACTIVITY_DAY = FIRST_DAY;

/** The events of an object on a day (in days since 1970), in order. A pure function. */
export function activityOfDay(seed: number, object: string, day: number, base: number): ActivityEvent[] {
  const dice = new Dice(seed, textSeed(object), day);
  const events: ActivityEvent[] = [];
  const add = (kind: ActivityEvent['kind'], second: number, where: number): void => {
    events.push({ second: day * DAY_SECONDS + second, kind, where, seed: dice.between(1, 2_000_000_000) });
  };
  if (day >= RESTAMPED_FROM) add('restamp', dice.between(60, 239), 0);
  if (day < QUIET_FROM) addDayBoundaries(dice, add);
  let second = 0;
  for (let left = eventCount(dice, day, base); left > 0; left--) {
    // One change in five falls into the same second as the previous one.
    second = dice.onceIn(5) ? second : dice.between(0, DAY_SECONDS - 1);
    addEvent(dice, add, second);
  }
  return events.sort((left, right) => left.second - right.second);
}

/** A row stamped three minutes before midnight but visible from 00:12, after a tick at 00:10 has read the day. */
export function lateCommit(seed: number, object: string, day: number): ActivityEvent {
  const dice = new Dice(seed, textSeed(object), day, 1);
  return { second: day * DAY_SECONDS + 720, kind: 'insert', where: 0, seed: dice.between(1, 2_000_000_000), commitSeconds: 900 };
}

type Add = (kind: ActivityEvent['kind'], second: number, where: number) => void;

function eventCount(dice: Dice, day: number, base: number): number {
  if (day >= QUIET_FROM) return dice.between(3, 5);
  return Math.min(MAX_A_DAY, Math.max(6, Math.round(base * (0.08 + dice.next() * 0.08))));
}

/** The first and the last second of a day, where half-open windows are most likely to be wrong. */
function addDayBoundaries(dice: Dice, add: Add): void {
  add('insert', 0, 0);
  add('edit', 0, dice.next());
  add('edit', DAY_SECONDS - 1, dice.next());
}

function addEvent(dice: Dice, add: Add, second: number): void {
  const kind = dice.pick(KINDS);
  // Some rows are popular and are edited again and again.
  const where = dice.onceIn(3) ? dice.next() ** 6 : dice.next();
  add(kind, second, where);
  if (kind !== 'edit' || !dice.onceIn(3)) return;
  for (let again = dice.between(1, 3); again > 0; again--) add('edit', Math.min(DAY_SECONDS - 1, second + dice.between(0, 40) ** 2), where);
}

const KINDS: ActivityEvent['kind'][] = [
  ...Array<ActivityEvent['kind']>(11).fill('edit'),
  ...Array<ActivityEvent['kind']>(5).fill('insert'),
  'touch',
  'delete',
  'delete',
  'undelete',
];
