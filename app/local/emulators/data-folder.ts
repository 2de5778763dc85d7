import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { StartError } from './start-error.ts';

/** What a data folder has as soon as it was used once. */
const OURS = ['token-key', 'emulators.json', 'postgres'];

/**
 * Makes sure of a folder that its owner alone can enter: tokens lie there, and maybe a real org's rows.
 * A folder with other files is refused, since others may need to enter it.
 * @throws StartError
 */
export async function prepareDataFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { uid } = await stat(folder);
    const user = process.getuid?.();
    if (user !== undefined && uid !== user)
      throw new StartError(`The folder ${folder} belongs to another user. Choose another one with --data.`);
    const names = await readdir(folder);
    if (names.length > 0 && !names.some((name) => OURS.includes(name))) {
      throw new StartError(`The folder ${folder} holds other files. Choose another one with --data.`);
    }
    await chmod(folder, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new StartError(`The folder ${folder} cannot be used (${code}). Choose another one with --data.`);
  }
}
