import { checkService } from '../actions/check-service.ts';
import { type Context, createContext } from '../context.ts';
import { checkAssumptions } from '../doctor/check-assumptions.ts';
import { createEvents } from '../events.ts';
import { createLog } from '../log.ts';
import type { Command } from './command.ts';
import { readServiceConfig, type ServiceOptions } from './read-service-config.ts';

interface DoctorOptions extends ServiceOptions {
  real?: boolean;
  connection?: string;
  object?: string;
}

/**
 * Checks everything the service needs and reports problems. With `--real`, checks instead the service's assumptions about Salesforce and
 * BigQuery, using the connection `--connection` (an alias, id or user_id) and its object `--object`. With `--local`, checks what `serve --local` runs in
 * the folder `--data`.
 * @returns 0 if every check passed
 */
export const doctor: Command<DoctorOptions> = async ({ options, env, stop }) => {
  const print = (line: string): void => console.log(line);
  const { config, summary } = await readServiceConfig(options, env);
  if (summary) print(`Checking the service that npm start runs. ${summary}`);
  const context = createContext(config, createEvents(createLog()));
  try {
    if (!options.real) return await printChecks(context, print, stop);
    const failures = await checkAssumptions(context, { userId: options.connection, objectName: options.object }, print, stop);
    return failures === 0 && !stop.aborted ? 0 : 1;
  } finally {
    await context.close();
  }
};

async function printChecks(context: Context, print: (line: string) => void, stop: AbortSignal): Promise<number> {
  let [checks, failures] = [0, 0];
  for await (const { what, passed, text } of checkService(context, stop)) {
    checks++;
    if (!passed) failures++;
    print(`${passed ? 'ok   ' : 'FAIL '} ${what}: ${text}`);
  }
  print(failures === 0 ? 'All checks passed.' : `${failures} of ${checks} checks failed.`);
  return failures === 0 ? 0 : 1;
}
