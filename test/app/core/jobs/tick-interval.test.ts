import { describe, expect, test } from '@jest/globals';
import { EVERY } from '../../../../app/core/jobs/every.ts';
import { lateTickMessage, rareTicksMessage, usualTickIntervalMs } from '../../../../app/core/jobs/tick-interval.ts';
import { sum } from '../../../../app/core/sum.ts';

const MINUTE = 60_000;

/** Ticks with these gaps in minutes, the newest gap first. */
function ticksApart(...gaps: number[]): Date[] {
  const minutesAgo = [0, ...gaps].map((_, index) => sum(gaps.slice(0, index)));
  return minutesAgo.map((minutes) => new Date(Date.UTC(2026, 0, 1) - minutes * MINUTE));
}

describe('the usual time between ticks', () => {
  test.each([
    ['is unknown without a tick', [], undefined],
    ['is unknown after one tick', ticksApart(), undefined],
    ['is the only gap', ticksApart(60), 60],
    ['is the shorter of two gaps', ticksApart(60, 15), 15],
    ['ignores a manual tick', ticksApart(60, 22, 38, 60, 60, 60), 60],
    ['ignores an outage', ticksApart(15, 15, 600, 15, 15), 15],
    ['follows a changed schedule', ticksApart(60, 60, 60, 60, 15, 15, 15), 60],
  ])('%s', (_, ticks, minutes) => {
    expect(usualTickIntervalMs(ticks)).toBe(minutes === undefined ? undefined : minutes * MINUTE);
  });
});

describe('a job whose windows close more often than ticks come', () => {
  test('is reported with what to do', () => {
    expect(rareTicksMessage('Account', '15m', 60 * MINUTE)).toBe(
      'Ticks come about every 60 minutes, so Account is imported no more often, despite every=15m. Call handle_importing_job more often, or choose a longer every.',
    );
    expect(rareTicksMessage('Account', '12h', 24 * 60 * MINUTE)).toContain('about every 24 hours');
  });

  test('is the only one that is reported', () => {
    expect(EVERY.filter((every) => rareTicksMessage('Account', every, 60 * MINUTE))).toEqual(['15m', '20m', '30m']);
    expect(EVERY.filter((every) => rareTicksMessage('Account', every, 15 * MINUTE))).toEqual([]);
    expect(EVERY.filter((every) => rareTicksMessage('Account', every, undefined))).toEqual([]);
  });

  test('is not one whose ticks are a little late', () => {
    expect(rareTicksMessage('Account', '15m', 15.4 * MINUTE)).toBeUndefined();
    expect(rareTicksMessage('Account', '15m', 20 * MINUTE)).toBeDefined();
  });
});

describe('ticks that have stopped', () => {
  const hourly = ticksApart(60, 60, 60);
  const minutesAfter = (minutes: number): Date => new Date(hourly[0]!.getTime() + minutes * MINUTE);

  test('are reported once two of them are missing', () => {
    expect(lateTickMessage(hourly, minutesAfter(119))).toBeUndefined();
    expect(lateTickMessage(hourly, minutesAfter(180))).toBe('No tick for 3 hours, usually every 60 minutes.');
  });

  test('are not reported before their interval is known', () => {
    expect(lateTickMessage([], minutesAfter(600))).toBeUndefined();
    expect(lateTickMessage(ticksApart(), minutesAfter(600))).toBeUndefined();
  });
});
