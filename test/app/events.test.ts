import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Events } from '../../app/events.ts';
import { EVERY_EVENT, linesOf } from '../support/every-event.ts';
import { RECEIPT } from '../support/receipt.ts';

test.each(Object.entries(EVERY_EVENT))('%s writes one line of its name, with these fields alone', (name, { emit, line }) => {
  expect(linesOf(emit)).toEqual([line]);
  expect(line.event).toBe(name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
});

test('a run whose values did not all fit their columns succeeds with a warning', () => {
  const run = {
    runId: 'run-1',
    job: { id: 'job-1', objectName: 'Account' },
    pass: { kind: 'window' } as const,
    window: { from: new Date(0), to: new Date(0) },
    attempt: 1,
  };
  const [line] = linesOf((events) => events.runSucceeded(run, { ...RECEIPT, invalid_values: { Amount: 2 } }));
  expect(line).toMatchObject({ level: 'warn', event: 'run_succeeded', receipt: { invalid_values: { Amount: 2 } } });
});

test.each<[string, (events: Events) => void, object]>([
  [
    'a run that no worker had claimed',
    (events) => events.runCancelled({ runId: 'run-1', job: { id: 'job-1', objectName: 'Account' }, kind: 'sweep' }),
    { level: 'info', event: 'run_cancelled', run: 'run-1', job: 'job-1', object: 'Account', kind: 'sweep' },
  ],
  [
    'a dataset that is checked at startup, for no job',
    (events) => events.datasetHasDefaultExpiration({ dataset: 'salesforce', tableDays: null, partitionDays: 30 }, 'bq update …'),
    {
      level: 'warn',
      event: 'dataset_has_default_expiration',
      dataset: 'salesforce',
      tableDays: null,
      partitionDays: 30,
      remove: 'bq update …',
    },
  ],
  [
    'connections that could not be listed',
    (events) => events.apiVersionNotChecked(new TypeError('x')),
    { level: 'warn', event: 'api_version_not_checked', error_code: 'internal', error_cause: expect.anything() },
  ],
])('the line about %s has no other fields', (_what, emit, line) => {
  expect(linesOf(emit)).toEqual([line]);
});

test('no other file of what production ships writes to the log', () => {
  const files = readdirSync('app', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('local/'))
    .filter((file) => /\bevent: '|\blog(\.(trace|debug|info|warn|error|fatal)|\[\w+\])\(/.test(readFileSync(`app/${file}`, 'utf8')));
  expect(files).toEqual(['events.ts']);
});
