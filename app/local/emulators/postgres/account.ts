import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from './error-code.ts';

/** The operating system's user that runs the server, if not ours. */
export interface Account {
  uid: number;
  gid: number;
}

/** The server refuses to run as root. This is the user nobody on every platform that has binaries. */
export const NOBODY: Account = { uid: 65534, gid: 65534 };

/** Others may read and traverse. */
const OPEN = 0o5;
/** Others may traverse. */
export const PASSABLE = 0o1;

/** Whether the account can use the path. For another account, every parent folder must be traversable by everyone, or owned by it. */
export async function isReachable(path: string, account: Account | undefined, wanted = OPEN): Promise<boolean> {
  if (!account) return (await errorCode(access(path, constants.R_OK | constants.X_OK))) === undefined;
  for (let above = path; ; above = dirname(above)) {
    const { mode, uid } = await stat(above);
    const needed = above === path ? wanted : PASSABLE;
    if ((mode & needed) !== needed && uid !== account.uid) return false;
    if (above === dirname(above)) return true;
  }
}
