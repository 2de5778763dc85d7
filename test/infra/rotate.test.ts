import { describe, expect, test } from '@jest/globals';
import { nextStep, rotate } from '../../infra/operate/rotate.ts';
import type { Aws, Stack } from '../../infra/operate/stack.ts';

describe('a rotation', () => {
  test('adds a key, uses it, and removes the old one: each step follows from the list', () => {
    expect([[1], [1, 2], [2, 1], [2]].map(nextStep)).toEqual([
      { keys: [1, 2], does: 'adds key 2' },
      { keys: [2, 1], does: 'uses key 2' },
      { keys: [2], does: 'removes key 1' },
      { keys: [2, 3], does: 'adds key 3' },
    ]);
  });

  test.each([[[]], [[1, 2, 3]]])('refuses the list %j', (keys) => {
    expect(() => nextStep(keys)).toThrow('A rotation needs one or two keys');
  });

  test('names what it can rotate', async () => {
    await expect(rotate('salt', {} as Stack, (async () => ({})) as Aws, () => {})).rejects.toThrow('Name what to rotate: tick or token.');
  });
});
