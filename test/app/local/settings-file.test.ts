import { mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readSettings, saveSettings } from '../../../app/local/settings-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'settings-test-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a folder without settings has none', async () => {
  expect(await readSettings(folder)).toEqual({});
});

test('settings are read as they were saved, and only their owner may read them', async () => {
  await writeFile(join(folder, 'env'), '', { mode: 0o644 });
  const settings = { A: 'one', B: 'with # and "quotes" and \\n and $A', C: '-----BEGIN-----\nAbc+/=\n-----END-----' };
  await saveSettings(folder, { ...settings, EMPTY: '' });
  expect(await readSettings(folder)).toEqual(settings);
  expect((await stat(join(folder, 'env'))).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['env']);
});

test('no program reads settings through a file that it left in the folder', async () => {
  const file = join(folder, 'env.new');
  const victim = join(folder, 'victim');
  await writeFile(file, '', { mode: 0o644 });
  await using opened = await open(file, 'r');
  await saveSettings(folder, { SALESFORCE_CLIENT_SECRET: 'first secret' });
  expect(await opened.readFile('utf8')).toBe('');

  await writeFile(victim, 'of another user', { mode: 0o644 });
  await symlink(victim, file);
  await saveSettings(folder, { SALESFORCE_CLIENT_SECRET: 'second secret' });
  expect(await readFile(victim, 'utf8')).toBe('of another user');
  expect(await readSettings(folder)).toEqual({ SALESFORCE_CLIENT_SECRET: 'second secret' });
  expect((await readdir(folder)).toSorted()).toEqual(['env', 'victim']);
});

test('a value that the file cannot store is refused by name, without showing it', async () => {
  await expect(saveSettings(folder, { SALESFORCE_CLIENT_SECRET: "it's" })).rejects.toThrow(
    'SALESFORCE_CLIENT_SECRET contains an apostrophe, which env cannot store.',
  );
  expect(await readSettings(folder)).toEqual({});
});
