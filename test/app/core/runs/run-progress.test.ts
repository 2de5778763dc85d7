import { expect, test } from '@jest/globals';
import { type RunProgress, rowsPerSecond, runStep } from '../../../../app/core/runs/run-progress.ts';

const PROGRESS: RunProgress = { slices: 2, slicesDone: 1, rows: 600, pages: 3, bytes: 900, requestedAt: '2026-11-26T10:00:00Z' };
const now = new Date('2026-11-26T10:01:00Z');

test('a run waits, plans, extracts, and writes', () => {
  expect(runStep('queued', null)).toBe('waiting');
  expect(runStep('queued', PROGRESS)).toBe('waiting');
  expect(runStep('running', { ...PROGRESS, slices: 0, slicesDone: 0 })).toBe('planning');
  expect(runStep('running', PROGRESS)).toBe('extracting');
  expect(runStep('running', { ...PROGRESS, slicesDone: 2 })).toBe('writing');
  for (const state of ['succeeded', 'failed', 'cancelled'] as const) expect(runStep(state, null)).toBeNull();
});

test('rows per second count from the first request, and are unknown before the first rows', () => {
  expect(rowsPerSecond(PROGRESS, now)).toBe(10);
  expect(rowsPerSecond({ ...PROGRESS, rows: 0 }, now)).toBeNull();
  expect(rowsPerSecond({ ...PROGRESS, requestedAt: null }, now)).toBeNull();
  expect(rowsPerSecond(PROGRESS, new Date(PROGRESS.requestedAt!))).toBeNull();
});
