import { expect, test } from '@jest/globals';
import { deferredUntil } from '../../../../app/core/jobs/job-state.ts';

const now = new Date('2026-11-26T10:00:00Z');
const later = new Date('2026-11-26T10:15:00Z');

test('a queued run is deferred until its next attempt is due', () => {
  expect(deferredUntil({ state: 'queued', runAt: later }, now)).toEqual(later);
  expect(deferredUntil({ state: 'queued', runAt: now }, now)).toBeNull();
  expect(deferredUntil({ state: 'running', runAt: later }, now)).toBeNull();
});
