import { expect, test } from '@jest/globals';
import { formatWindow } from '../../../app/console/format.ts';

test.each([
  ['2026-11-25', '2026-11-26', '25 Nov → 26 Nov 2026'],
  ['2025-12-31', '2026-01-01', '31 Dec 2025 → 1 Jan 2026'],
  ['2026-11-26T10:15:00Z', '2026-11-26T10:30:00Z', '26 Nov 2026, 10:15 → 10:30'],
  ['2026-11-26T23:45:00Z', '2026-11-27', '26 Nov 2026, 23:45 → 27 Nov 2026'],
  ['2026-11-26', '2026-11-26T00:15:00Z', '26 Nov → 26 Nov 2026, 00:15'],
])('a window from %s to %s is shown as %s', (from, to, shown) => {
  expect(formatWindow(new Date(from), new Date(to))).toBe(shown);
});
