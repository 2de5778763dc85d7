import { describe, expect, test } from '@jest/globals';
import { parseQuietHours, quietUntil } from '../../../../app/core/jobs/quiet-hours.ts';

const at = (instant: string): Date => new Date(instant);

describe('quiet hours', () => {
  test.each([
    ['before them', '08:00-18:00 UTC', '2026-11-27T07:59:59Z', null],
    ['when they start', '08:00-18:00 UTC', '2026-11-27T08:00:00Z', '2026-11-27T18:00:00Z'],
    ['within them', '08:00-18:00 UTC', '2026-11-27T17:59:59.999Z', '2026-11-27T18:00:00Z'],
    ['when they end', '08:00-18:00 UTC', '2026-11-27T18:00:00Z', null],
    ['before midnight', '22:00-06:30 UTC', '2026-11-27T23:10:00Z', '2026-11-28T06:30:00Z'],
    ['after midnight', '22:00-06:30 UTC', '2026-11-28T00:00:00Z', '2026-11-28T06:30:00Z'],
    ['in a time zone', '08:00-18:00 Europe/Berlin', '2026-11-27T07:10:00Z', '2026-11-27T17:00:00Z'],
    ['in summer time', '08:00-18:00 Europe/Berlin', '2026-07-27T06:10:00Z', '2026-07-27T16:00:00Z'],
    ['in a time zone of half hours', '00:00-01:00 America/St_Johns', '2026-11-27T03:45:00Z', '2026-11-27T04:30:00Z'],
  ])('%s', (_, hours, now, until) => {
    expect(quietUntil(hours, at(now))).toEqual(until === null ? null : at(until));
  });

  test('are none if none are set', () => {
    expect(quietUntil(null, at('2026-11-27T08:00:00Z'))).toBeNull();
  });

  test.each([
    ['08:00-18:00', '08:00-18:00 UTC'],
    [' 22:00-06:30  America/New_York ', '22:00-06:30 America/New_York'],
  ])('are read from %j', (text, stored) => {
    expect(parseQuietHours(text)).toBe(stored);
  });

  test.each(['', '8-18', '08:00', '24:00-06:00', '08:60-09:00', '08:00-08:00', '08:00-18:00 Nowhere/City', '08:00-18:00 UTC x'])(
    'are refused from %j, with an example',
    (text) => {
      expect(() => parseQuietHours(text)).toThrow(/quiet_hours must be a time of day, for example 08:00-18:00/);
    },
  );
});
