import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { SCENARIOS } from './scenarios.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GUARDS = Object.keys(SCENARIOS);

test('every guard has a patch, and every patch a scenario', () => {
  const patches = readdirSync(new URL('guards/', import.meta.url));
  expect(patches.sort()).toEqual(GUARDS.map((guard) => `${guard}.patch`).sort());
});

test.each(GUARDS)('the patch that removes the guard %s applies to the current code', (guard) => {
  const { stderr } = spawnSync('git', ['apply', '--check', `test/chaos/guards/${guard}.patch`], { cwd: ROOT, encoding: 'utf8' });
  expect(stderr).toBe('');
});
