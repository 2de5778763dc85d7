import { createHash, randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { StartError } from '../start-error.ts';
import { type Account, isReachable, PASSABLE } from './account.ts';
import { errorCode } from './error-code.ts';
import { stopLeftoverServer } from './leftover-server.ts';

/** Creates the data folder, owned by the account. @returns its path: one under the temporary folder if the account cannot reach `wanted` */
export async function ensureDataFolder(wanted: string, account: Account | undefined): Promise<string> {
  await mkdir(wanted, { recursive: true });
  if (!account) return wanted;
  const reachable = await isReachable(dirname(wanted), account, PASSABLE).catch(() => false);
  if (!reachable) return await ensureTemporaryFolder(wanted, account);
  const { uid } = await stat(wanted);
  if (uid !== 0 && uid !== account.uid)
    throw new StartError(
      `The Postgres data folder ${wanted} belongs to another user (uid ${uid}). Remove it, or choose another folder with --data.`,
    );
  await chown(wanted, account.uid, account.gid);
  await chmod(wanted, 0o700);
  return wanted;
}

/** Any user can create a folder or a link with this name in the temporary folder, so an existing one is used only if the account owns it. */
async function ensureTemporaryFolder(wanted: string, account: Account): Promise<string> {
  const folder = join(tmpdir(), `local-postgres-${createHash('sha256').update(wanted).digest('hex').slice(0, 16)}`);
  const code = await errorCode(mkdir(folder, { mode: 0o700 }));
  if (code !== undefined && code !== 'EEXIST') throw new StartError(`Cannot create the Postgres data folder ${folder} (${code}).`);
  const created = code === undefined;
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== (created ? 0 : account.uid)) {
    throw new StartError(`${folder} is not a folder of the local Postgres (owner ${found.uid}). Remove it, then start again.`);
  }
  if (created) await chown(folder, account.uid, account.gid);
  await emptyUnlessMarked(wanted, folder);
  return folder;
}

/** Deleting the requested folder must also reset the files kept elsewhere, so both folders contain the same random mark. */
async function emptyUnlessMarked(wanted: string, folder: string): Promise<void> {
  const [mark, other] = [join(wanted, 'elsewhere'), join(folder, 'mark')];
  const kept = await readFile(mark, 'utf8').catch(() => undefined);
  if (kept !== undefined && kept === (await readFile(other, 'utf8').catch(() => undefined))) return;
  const names = await readdir(folder);
  if (names.length > 0 && !names.includes('mark') && !names.includes('cluster')) {
    throw new StartError(`${folder} contains files of another program. Move them away, then start again.`);
  }
  await stopLeftoverServer(join(folder, 'cluster'));
  for (const name of names) await rm(join(folder, name), { recursive: true });
  const text = randomBytes(16).toString('hex');
  await writeFile(other, text, { mode: 0o600 });
  await writeFile(mark, text, { mode: 0o600 });
}
