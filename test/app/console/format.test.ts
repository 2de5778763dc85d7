import { expect, test } from '@jest/globals';
import { formatWindow, withoutCalls } from '../../../app/console/format.ts';

test.each([
  ['2026-11-25', '2026-11-26', '25 Nov → 26 Nov 2026'],
  ['2025-12-31', '2026-01-01', '31 Dec 2025 → 1 Jan 2026'],
  ['2026-11-26T10:15:00Z', '2026-11-26T10:30:00Z', '26 Nov 2026, 10:15 → 10:30'],
  ['2026-11-26T23:45:00Z', '2026-11-27', '26 Nov 2026, 23:45 → 27 Nov 2026'],
  ['2026-11-26', '2026-11-26T00:15:00Z', '26 Nov 2026, 00:00 → 00:15'],
])('a window from %s to %s is shown as %s', (from, to, shown) => {
  expect(formatWindow(new Date(from), new Date(to))).toBe(shown);
});

test.each([
  ['The grant ended. To reconnect, call get_oauth_url and login_oauth_callback again.', 'The grant ended.'],
  ['No connection has this id. It must be the URL returned by login_oauth_callback.', 'No connection has this id.'],
  ['96 rows, 95 read. To import them, accept this: POST /v1/runs/1/accept.', '96 rows, 95 read.'],
  ['No job has this id. Take the id from /jobs.', 'No job has this id.'],
  [
    'The table a.b does not have the label of this job. The service does not write into it: rename or move it, then call POST /v1/jobs/1/rebuild. Or restore it completely, then call handle_importing_job.',
    'The table a.b does not have the label of this job. The service does not write into it: rename or move it.',
  ],
  [
    'The table a.b is missing. To import it again, call POST /v1/jobs/1/rebuild. Or restore it, then call handle_importing_job.',
    'The table a.b is missing.',
  ],
])('a page shows %s without the calls of the API', (message, shown) => {
  expect(withoutCalls(message)).toBe(shown);
});
