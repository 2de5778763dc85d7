import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { checkDatasets } from '../bigquery/tables/datasets.ts';
import { readConfig } from '../config.ts';
import { createContext } from '../context.ts';
import { createEvents } from '../events.ts';
import { createLog } from '../log.ts';
import { migrate, waitForDatabase } from '../store/migrate.ts';
import type { Command, CommandInput } from './command.ts';

interface ConnectOptions {
  data: string;
  portBase?: string;
  flow: 'browser' | 'client_credentials' | 'jwt_bearer';
  sf?: string;
}

/**
 * Connects a real org to a service on this machine, and runs its first import: asks for everything it needs, explains how to get it, and
 * saves the settings in the data folder, where `serve --local` reads them. Its log goes to a file there.
 */
export const connect: Command<ConnectOptions> = async (input) => {
  try {
    return (await run(input)) ? 0 : 1;
  } catch (error) {
    if (!input.stop.aborted) throw error;
    console.error('\nStopped. Run npm run connect again: it remembers the answers.');
    return 1;
  }
};

/** @returns whether the first import is complete */
async function run({ options, env, stop }: CommandInput<ConnectOptions>): Promise<boolean> {
  const { openSetup, conclude } = await import('../local/connect/setup.ts');
  const { askSettings } = await import('../local/connect/ask-settings.ts');
  const { connectOrg } = await import('../local/connect/connect-org.ts');
  const { importFirst } = await import('../local/connect/first-import.ts');
  const { startLocal } = await import('../local/start-local.ts');

  await using setup = await openSetup(options, env, stop);
  const settings = await askSettings(setup, env);
  await using local = await startLocal({ ...env, ...settings }, options);
  const config = readConfig(local.env, true);
  const log = createLog(createWriteStream(join(setup.dataFolder, 'connect.log'), { flags: 'a', mode: 0o600 }));
  const context = createContext(config, createEvents(log));
  try {
    await waitForDatabase(context.database);
    await migrate(context.database);
    await checkDatasets(context.warehouse.withSignal(stop), config.bigquery.datasets);
    const connection = await connectOrg(setup, context);
    const isComplete = await importFirst(setup, context, connection);
    conclude(setup);
    return isComplete;
  } finally {
    await context.close();
  }
}
