import { writeFile } from 'node:fs/promises';
import type { Command } from './command.ts';
import { openRemoteService, RemoteError, type RemoteOptions } from './sync-file/remote-service.ts';
import { readServiceState } from './sync-file/service-state.ts';
import { writeSyncFile } from './sync-file/write-sync-file.ts';

interface ExportOptions extends RemoteOptions {
  /** where to write; undefined: standard output */
  file?: string;
}

/** Writes a service's jobs as a file for `apply`. */
export const exportJobs: Command<ExportOptions> = async ({ options, env, stop }) => {
  try {
    const service = await openRemoteService(options, env, stop);
    const text = writeSyncFile(await readServiceState(service));
    if (options.file === undefined) process.stdout.write(text);
    else await writeFile(options.file, text);
    return 0;
  } catch (error) {
    if (!(error instanceof RemoteError) && !stop.aborted) throw error;
    console.error(stop.aborted ? 'Stopped.' : (error as Error).message);
    return 1;
  }
};
