import { expect, test } from '@jest/globals';
import { describeDeferral, isDeferred } from '../../../app/core/job-state.ts';

const now = new Date('2026-11-26T10:00:00Z');
const later = new Date('2026-11-26T10:15:00Z');

test('a queued run is deferred until its next attempt is due', () => {
  expect(isDeferred({ state: 'queued', runAt: later }, now)).toBe(true);
  expect(isDeferred({ state: 'queued', runAt: now }, now)).toBe(false);
  expect(isDeferred({ state: 'running', runAt: later }, now)).toBe(false);
});

test('a deferral says until when, and why if the run has failed before', () => {
  expect(describeDeferral({ runAt: later, errorCode: 'salesforce_quota' })).toBe('deferred until 2026-11-26 10:15 UTC (salesforce_quota)');
  expect(describeDeferral({ runAt: later, errorCode: null })).toBe('deferred until 2026-11-26 10:15 UTC');
});
