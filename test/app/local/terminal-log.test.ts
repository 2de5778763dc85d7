import { expect, test } from '@jest/globals';
import { terminalLog } from '../../../app/local/terminal-log.ts';
import { createLog, type Log } from '../../../app/log.ts';

/** Logs to a terminal without colors. @returns the lines, without their time */
function logged(log: (log: Log) => void): string[] {
  const lines: string[] = [];
  const terminal = { isTTY: true, hasColors: () => false, write: (text: string) => lines.push(text.replace(/^\[\d\d:\d\d:\d\d\] /, '')) };
  log(createLog(terminalLog(terminal as unknown as NodeJS.WriteStream)));
  return lines;
}

const RUN = {
  run: '1f0c2a9e-6e0c-4b7a-9a3b-0d2f5c1b7e11',
  job: '99605b05-938f-489f-bf24-f65099433bb4',
  object: 'Account',
  window: { from: new Date('2023-03-01T00:00:00Z'), to: new Date('2023-03-20T06:00:00Z') },
};

test('a run is one readable line at a terminal', () => {
  const receipt = { delta_rows: 412, staged: 412, verdict: 'exact' };
  expect(logged((log) => log.info({ event: 'run_succeeded', ...RUN, attempt: 1, receipt }))).toEqual([
    'INFO: run_succeeded Account, 2023-03-01 to 2023-03-20T06:00, 412 rows, exact, run=1f0c2a9e, attempt=1\n',
  ]);
});

test('an error keeps its code, message and place, and secrets stay out', () => {
  const lines = logged((log) =>
    log.warn({ event: 'run_failed', ...RUN, error_code: 'login_needed', error_message: 'Log in again.', refresh_token: 'x1' }),
  );
  expect(lines).toEqual([expect.stringMatching(/^WARN: run_failed Account, .*error_code=login_needed, error_message=Log in again\./)]);
  expect(lines[0]).not.toContain('x1');
});

test('that no job is overdue is not worth a line; that one is, is', () => {
  expect(
    logged((log) => {
      log.info({ event: 'jobs_overdue', jobs: 0 });
      log.info({ event: 'jobs_overdue', jobs: 1 });
    }),
  ).toEqual(['INFO: jobs_overdue, jobs=1\n']);
});

test('anywhere else than at a terminal, the log stays JSON', () => {
  expect(terminalLog({ isTTY: false } as NodeJS.WriteStream)).toBeUndefined();
});
