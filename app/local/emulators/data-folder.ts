import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { StartError } from './start-error.ts';

/** Any of these marks a folder as a data folder that was used before. */
const OURS = ['token-key', 'hash-salt', 'emulators.json', 'postgres'];

/**
 * Creates the data folder, or restricts it to its owner: it stores tokens and possibly rows of a real org.
 * A folder with other files is rejected, because other users may need access to it.
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
      throw new StartError(`The folder ${folder} contains other files. Choose another one with --data.`);
    }
    await chmod(folder, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new StartError(`Cannot use the folder ${folder} (${code}). Choose another one with --data.`);
  }
}
