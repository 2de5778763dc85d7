import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PINNED = join(import.meta.dirname, 'analyzer');
const FILES = ['package.json', 'package-lock.json'];

/** Installs the pinned GoogleSQL analyzer in `folder`, unless that version is already installed. @returns its node_modules */
export async function installAnalyzer(folder: string): Promise<string> {
  const modules = join(folder, 'node_modules');
  if (await isInstalled(folder, modules)) return modules;
  console.log('conformance: installing the GoogleSQL analyzer (107 MB download, 340 MB on disk)');
  await mkdir(folder, { recursive: true });
  for (const file of FILES) await copyFile(join(PINNED, file), join(folder, file));
  await promisify(execFile)('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder]);
  return modules;
}

/** npm writes its own lock file last, so it exists only after a complete installation. */
async function isInstalled(folder: string, modules: string): Promise<boolean> {
  const [pinned, copied, written] = await Promise.all(
    [join(PINNED, 'package-lock.json'), join(folder, 'package-lock.json'), join(modules, '.package-lock.json')].map((file) =>
      readFile(file, 'utf8').catch(() => undefined),
    ),
  );
  return written !== undefined && pinned === copied;
}
