import { writeDbtSources } from '../../actions/jobs/write-dbt-sources.ts';
import { createContext } from '../../context.ts';
import { createEvents } from '../../events.ts';
import { createLog } from '../../log.ts';
import type { Command } from '../command.ts';
import { readServiceConfig, type ServiceOptions } from '../read-service-config.ts';

interface Options extends ServiceOptions {
  dataset?: string;
}

/** Prints the sources.yml of a dbt project. */
export const dbtSources: Command<Options> = async ({ options, env }) => {
  const { config } = await readServiceConfig(options, env);
  const context = createContext(config, createEvents(createLog(process.stderr)));
  try {
    process.stdout.write(await writeDbtSources(context, options.dataset));
    return 0;
  } finally {
    await context.close();
  }
};
