import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readEndpoints } from '../../../../app/local/emulators/emulators.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'endpoints-test-'));
});
afterEach(() => rm(folder, { recursive: true }));

test.each(['{"pid":1}', 'null', '[]', '{"salesforce":{"login_url":"http://127.0.0.1:1"}}'])(
  'refuses an emulators.json that contains %s in one sentence',
  async (content) => {
    const file = join(folder, 'emulators.json');
    await writeFile(file, content);
    const message = `${file} is damaged: remove it, and the emulators choose their ports again.`;
    await expect(readEndpoints(folder)).rejects.toMatchObject({ name: 'StartError', message });
  },
);

test('a folder without emulators.json has no endpoints', async () => {
  expect(await readEndpoints(folder)).toBeUndefined();
});
