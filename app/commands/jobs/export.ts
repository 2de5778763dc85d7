import { writeFile } from 'node:fs/promises';
import { type RemoteOptions, serviceCommand } from '../remote/open-service.ts';
import { readServiceState } from '../sync-file/service-state.ts';
import { toSyncFile, writeSyncFile } from '../sync-file/write-sync-file.ts';

interface ExportOptions extends RemoteOptions {
  /** where to write; undefined: standard output */
  file?: string;
}

/** Writes a service's jobs as a file for `apply`. */
export const exportJobs = serviceCommand<ExportOptions>(async (service, { options }) => {
  const state = await readServiceState(service);
  const text = options.json ? `${JSON.stringify(toSyncFile(state), null, 2)}\n` : writeSyncFile(state);
  if (options.file === undefined) process.stdout.write(text);
  else await writeFile(options.file, text);
  return 0;
});
