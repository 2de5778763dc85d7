import { acceptRestore as accept } from '../actions/accept-restore.ts';
import { createContext } from '../context.ts';
import { createEvents } from '../events.ts';
import { createLog } from '../log.ts';
import { COMMAND_LINE, type Command } from './command.ts';
import { readServiceConfig, type ServiceOptions } from './read-service-config.ts';

/** Accepts a job store that was restored or copied, and prints what follows. Its events go to standard error. */
export const acceptRestore: Command<ServiceOptions> = async ({ options, env, stop }) => {
  const { config } = await readServiceConfig(options, env);
  const context = createContext(config, createEvents(createLog(process.stderr)));
  try {
    const { epoch, runs, loggedOut } = await accept(context, COMMAND_LINE, stop);
    console.log(`The job store is accepted as epoch ${epoch}. The service continues within a minute, from each job's last_date.`);
    console.log(runs === 1 ? '1 open run starts over.' : `${runs} open runs start over.`);
    if (loggedOut.length > 0) {
      console.log('Salesforce has replaced the refresh tokens of these users since. Connect them again:');
      for (const userId of loggedOut) console.log(`  ${userId}`);
    }
    return 0;
  } finally {
    await context.close();
  }
};
