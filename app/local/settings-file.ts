import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { CommandError } from '../commands/command-error.ts';

/** The file in the data folder with the settings that `connect` saves and every local command reads. */
const FILE = 'env';

const HEADER = '# Saved by npm run connect, and read by npm start. Contains secrets: keep it to yourself.';

/** The settings of a data folder; empty if there are none. */
export async function readSettings(dataFolder: string): Promise<Record<string, string>> {
  try {
    return parseEnv(await readFile(join(dataFolder, FILE), 'utf8')) as Record<string, string>;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return {};
    throw error;
  }
}

/** Replaces the settings of a data folder by those that are not empty. Only the owner may read them. @throws CommandError if a value cannot be stored */
export async function saveSettings(dataFolder: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(settings).flatMap(([name, value]) => {
    if (!value) return [];
    // In single quotes, every other character stands for itself, line breaks too.
    if (value.includes("'")) throw new CommandError(`${name} contains an apostrophe, which ${FILE} cannot store.`);
    return [`${name}='${value}'`];
  });
  const file = join(dataFolder, FILE);
  // An earlier file of that name, left by an interruption, may be open in other programs, or lead elsewhere.
  await rm(`${file}.new`, { force: true });
  await writeFile(`${file}.new`, [HEADER, ...lines, ''].join('\n'), { mode: 0o600, flag: 'wx' });
  await rename(`${file}.new`, file);
}
