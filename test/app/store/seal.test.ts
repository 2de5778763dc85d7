import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createSealer } from '../../../app/store/seal.ts';

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];

describe('sealing', () => {
  test('round-trips any text in its own context', () => {
    const sealer = createSealer([newKey]);
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string(),
        (secret, context) => sealer.open(sealer.seal(secret, context), context) === secret,
      ),
    );
  });

  test('opens text that an older key sealed, and seals with the newest key', () => {
    const sealed = createSealer([oldKey]).seal('secret', 'here');
    const both = createSealer([newKey, oldKey]);
    expect(both.open(sealed, 'here')).toBe('secret');
    expect(createSealer([newKey]).open(both.seal('secret', 'here'), 'here')).toBe('secret');
  });

  test('does not open text that was changed or moved to another context', () => {
    const sealer = createSealer([newKey]);
    const sealed = sealer.seal('secret', 'here');
    expect(() => sealer.open(sealed, 'there')).toThrow();
    expect(() => sealer.open(`${sealed.slice(0, -4)}AAAA`, 'here')).toThrow();
  });
});
