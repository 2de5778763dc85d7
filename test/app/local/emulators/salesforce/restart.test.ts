import { appendFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { OAuth2 } from 'jsforce/lib/oauth2.js';
import {
  type SalesforceEmulator,
  type SalesforceOptions,
  startSalesforce,
} from '../../../../../app/local/emulators/salesforce/salesforce.ts';
import { grant, oauth2Of } from './connect.ts';

let folder: string;
let salesforce: SalesforceEmulator;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'salesforce-restart-test-'));
});
afterEach(async () => {
  await salesforce.close();
  await rm(folder, { recursive: true });
});

const stateFile = (): string => join(folder, 'salesforce.jsonl');

async function start(options: SalesforceOptions = {}): Promise<void> {
  salesforce = await startSalesforce({ size: 20, stateFile: stateFile(), ...options });
}

async function restart(options: SalesforceOptions = {}): Promise<void> {
  await salesforce.close();
  await start(options);
}

async function admin(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${salesforce.instanceUrl}/emulator/${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text === '' ? undefined : JSON.parse(text);
}

const now = async (): Promise<number> => Date.parse(((await admin('GET', 'clock')) as { now: string }).now);
const DAY_MS = 86_400_000;

test.each(['garbage', '{}', '{"at": "2023-03-01T00:00:00Z", "change": "none", "arguments": []}', 'null'])(
  'refuses a state file with the damaged line %s in one sentence',
  async (line) => {
    await start({ now: '2023-03-01T00:10:00Z' });
    await appendFile(stateFile(), `${line}\n`);
    const lines = (await readFile(stateFile(), 'utf8')).trim().split('\n').length;
    const message = `Line ${lines} of ${stateFile()} is damaged: remove it, or start with another folder by --data.`;
    await expect(restart()).rejects.toMatchObject({ name: 'StartError', message });
  },
);

describe('after a restart', () => {
  test('the clock has the same time', async () => {
    await start({ now: '2023-03-01T00:10:00Z' });
    await admin('PUT', 'clock', { days: 2 });
    await restart();
    expect(await now()).toBe(Date.parse('2023-03-03T00:10:00Z'));
    await expect(restart({ now: '2023-03-02T00:00:00Z' })).rejects.toThrow('The clock only moves forward');
  });

  test('a running clock is the same number of days ahead', async () => {
    await start();
    await admin('PUT', 'clock', { days: 1 });
    const before = await now();
    expect(before).toBeGreaterThan(Date.now() + DAY_MS - 60_000);
    await restart();
    expect(await now()).toBeGreaterThanOrEqual(before);
    await expect(restart({ now: new Date(before - DAY_MS).toISOString() })).rejects.toThrow('The clock only moves forward');
  });

  test('the org has every external change, in order with its own', async () => {
    await start({ now: '2023-03-01T00:10:00Z' });
    const { id } = (await admin('POST', 'records?object=Account', { Name: 'Added' })) as { id: string };
    await admin('PUT', 'clock', { now: '2023-03-05T00:10:00Z' });
    await admin('PATCH', `records?object=Account&id=${id}`, { Name: 'Edited' });
    const [first, second, third] = [...salesforce.org.records('Account')].filter((row) => !row.IsDeleted).map((row) => String(row.Id));
    await admin('DELETE', `records?object=Account&id=${first}`);
    await admin('DELETE', `records?object=Account&id=${second}&purge=true`);
    await admin('POST', 'merge?object=Account', { master: id, loser: third! });
    await admin('POST', `undelete?object=Account&id=${first}`);
    await admin('POST', 'fields', { object: 'Account', field: 'Added__c', change: 'add', type: 'string', value: 'x' });
    await expect(admin('PATCH', `records?object=Account&id=${second}`, { Name: 'No more' })).rejects.toThrow();
    await admin('PUT', 'clock', { now: '2023-03-20T00:10:00Z' });
    const before = ['Account', 'Contact', 'Opportunity'].map((object) => [...salesforce.org.records(object)]);

    await restart();
    expect(['Account', 'Contact', 'Opportunity'].map((object) => [...salesforce.org.records(object)])).toEqual(before);
    expect(salesforce.org.table('Account')?.field('Added__c')?.facts.type).toBe('string');
  });

  test('what is hidden, calculated or out of the bin stays so', async () => {
    await start({ now: '2023-03-01T00:10:00Z' });
    const all = [...salesforce.org.records('Account')].map((row) => String(row.Id));
    const [purged, restored, hidden] = all;
    for (const id of [purged, restored]) await admin('DELETE', `records?object=Account&id=${id}`);
    await admin('POST', `undelete?object=Account&id=${restored}&stamps=false`);
    await admin('POST', 'empty-bin?object=Account');
    await admin('POST', `access?object=Account&id=${hidden}`, { change: 'hide' });
    await admin('POST', 'access?object=Contact', { change: 'hide' });
    const formula = { of: 'children', object: 'Contact', reference: 'AccountId' };
    await admin('POST', 'fields', { object: 'Account', field: 'Contacts__c', change: 'add', type: 'double', formula });
    const before = [...salesforce.org.records('Account')];

    await restart();
    expect([...salesforce.org.records('Account')]).toEqual(before);
    expect([before.length, salesforce.org.table('Contact')]).toEqual([all.length - 2, undefined]);
  });

  test('a line that was only partly written is ignored', async () => {
    await start({ now: '2023-03-01T00:10:00Z' });
    await appendFile(stateFile(), '{"at":"2023-03-01T00:10:00.000Z","cha');
    await restart();
    await admin('PUT', 'clock', { days: 1 });
    await restart();
    expect(await now()).toBe(Date.parse('2023-03-02T00:10:00Z'));
  });

  test('the file is readable by its owner only, and contains no token', async () => {
    await start();
    expect((await stat(stateFile())).mode & 0o777).toBe(0o600);
    const { refresh_token: token } = await grant(salesforce, oauth2Of(salesforce));
    expect(await readFile(stateFile(), 'utf8')).not.toContain(token);
  });
});

describe('after a restart with rotation', () => {
  let oauth2: OAuth2;
  beforeEach(() => start({ rotateRefreshTokens: true }));

  async function refresh(token: string): Promise<string> {
    oauth2 = oauth2Of(salesforce);
    return ((await oauth2.refreshToken(token)) as { refresh_token: string }).refresh_token;
  }

  test('the newest refresh token is valid', async () => {
    const { refresh_token: first } = await grant(salesforce, oauth2Of(salesforce));
    const second = await refresh(first);
    await restart({ rotateRefreshTokens: true });
    await expect(refresh(second)).resolves.toMatch(/^5Aep861/);
  });

  test('a refresh token that was rotated out ends the grant for good', async () => {
    const { refresh_token: first } = await grant(salesforce, oauth2Of(salesforce));
    const second = await refresh(first);
    await restart({ rotateRefreshTokens: true });
    await expect(refresh(first)).rejects.toThrow('expired access/refresh token');
    await restart({ rotateRefreshTokens: true });
    await expect(refresh(second)).rejects.toThrow('expired access/refresh token');
  });
});
