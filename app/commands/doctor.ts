import { type CheckResult, checkService } from '../actions/check-service.ts';
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

const MARKS: Readonly<Record<CheckResult['result'], string>> = { passed: 'ok   ', failed: 'FAIL ', 'not checked': '-    ' };

async function printChecks(context: Context, print: (line: string) => void, stop: AbortSignal): Promise<number> {
  const results: CheckResult['result'][] = [];
  for await (const { what, result, text } of checkService(context, stop)) {
    results.push(result);
    print(`${MARKS[result]} ${what}: ${text}`);
  }
  const failures = results.filter((result) => result === 'failed').length;
  const isWhole = !results.includes('not checked');
  if (failures > 0) print(`${failures} of ${results.length} checks failed.`);
  else print(isWhole ? 'All checks passed.' : 'Not everything was checked.');
  return failures === 0 && isWhole ? 0 : 1;
}
