import { describe, expect, test } from '@jest/globals';
import {
  compareStores,
  type OwnStore,
  type PublishedStore,
  rotatedSince,
  storeRestoredError,
} from '../../../../app/core/connections/agreement.ts';

const MINUTE = 60_000;
const NOW = new Date('2026-03-20T12:00:00Z');
const ago = (minutes: number): Date => new Date(NOW.getTime() - minutes * MINUTE);

const own: OwnStore = { installation: 'a', epoch: 2, supersedes: null, address: 'here', knowsBatch: true, now: NOW };
const published: PublishedStore = {
  installation: 'a',
  epoch: 2,
  batch: 7,
  token: 't',
  address: 'here',
  heartbeatAt: ago(1),
  rotations: {},
};

describe('a job store and BigQuery', () => {
  test.each<[string, Partial<OwnStore>, Partial<PublishedStore> | undefined, string]>([
    ['agree if nothing has been written', {}, undefined, 'agree'],
    ['agree if the job store contains the batch', {}, {}, 'agree'],
    ['agree if the heartbeat is old', {}, { heartbeatAt: ago(600) }, 'agree'],
    ['disagree if the job store lacks the batch', { knowsBatch: false }, {}, 'restored, alive'],
    ['disagree if it has been silent since', { knowsBatch: false }, { heartbeatAt: ago(15) }, 'restored'],
    ['disagree if the epoch is higher', {}, { epoch: 3 }, 'restored, alive'],
    ['disagree if another address is alive', {}, { address: 'there' }, 'copied, alive'],
    ['agree if the job store has moved', {}, { address: 'there', heartbeatAt: ago(15) }, 'agree'],
    ['agree if the epoch is lower: the job store was accepted', { knowsBatch: false }, { epoch: 1 }, 'agree'],
    ['disagree if the installation is another', {}, { installation: 'b', epoch: 1 }, 'foreign, alive'],
    ['agree if the other installation was superseded', { supersedes: 'b', knowsBatch: false }, { installation: 'b', epoch: 1 }, 'agree'],
    ['disagree if that one was accepted since', { supersedes: 'b', knowsBatch: false }, { installation: 'b', epoch: 3 }, 'foreign, alive'],
  ])('%s', (_, mine, theirs, expected) => {
    const found = compareStores({ ...own, ...mine }, theirs && { ...published, ...theirs }, 15 * MINUTE);
    expect(found ? `${found.kind}${found.isAlive ? ', alive' : ''}` : 'agree').toBe(expected);
  });

  test.each(['restored', 'copied', 'foreign'] as const)('that disagree (%s) are explained, with the time at which to continue', (kind) => {
    const { code, message } = storeRestoredError({ kind, heartbeatAt: ago(1), isAlive: true }, 'salesforce', 15 * MINUTE);
    expect(code).toBe('store_restored');
    expect(message).toContain('2026-03-20T12:14:00.000Z');
    expect(message).toMatch(/salesforce at 2026-03-20T11:59:00.000Z/);
  });
});

test('connections whose refresh token was replaced later are found by how often it was', () => {
  const rotations = new Map([
    [1, 0],
    [2, 3],
    [3, 1],
    [4, 0],
  ]);
  expect(rotatedSince(rotations, { rotations: { 1: 1, 2: 3, 3: 2, 5: 9 } })).toEqual([1, 3]);
});
