import './v8-settings.ts';
import { existsSync } from 'node:fs';
import { CommanderError } from 'commander';
import type { Command } from './commands/command.ts';
import { CommandError } from './commands/command-error.ts';
import { CONNECTION_COMMANDS } from './commands/entries/connections.ts';
import { JOB_COMMANDS } from './commands/entries/jobs.ts';
import { RUN_COMMANDS } from './commands/entries/runs.ts';
import { SERVICE_COMMANDS } from './commands/entries/service.ts';
import { STORE_COMMANDS } from './commands/entries/store.ts';
import { type CommandEntry, type CommandGroups, createProgram, describeUsageError } from './commands/program.ts';
import { silenceMetadataLookup } from './commands/silence-metadata-lookup.ts';
import { stopSignal } from './commands/stop-signal.ts';
import { ConfigError } from './env-reader.ts';
import { isAppError } from './errors.ts';

const USAGE_EXIT = 2;

const GROUPS: CommandGroups = {
  'The service': SERVICE_COMMANDS,
  Connections: CONNECTION_COMMANDS,
  Jobs: JOB_COMMANDS,
  Runs: RUN_COMMANDS,
  'The job store': STORE_COMMANDS,
};
const COMMANDS: Record<string, CommandEntry> = Object.assign({}, ...Object.values(GROUPS));

silenceMetadataLookup();
const code = await main(process.argv.slice(2), stopSignal());
await Promise.all([drained(process.stdout), drained(process.stderr)]);
process.exit(code);

async function main(argv: string[], stop: AbortSignal): Promise<number> {
  let exitCode = 0;
  const program = createProgram(GROUPS, existsSync(new URL('./local', import.meta.url)), async (name, args, options) => {
    exitCode = await runCommand(name, { args, options: options as never, env: process.env, stop });
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help was printed: on request, or because no command was given.
    if (error.message.startsWith('(')) return argv.length === 0 ? USAGE_EXIT : 0;
    console.error(describeUsageError(COMMANDS, error, argv));
    return USAGE_EXIT;
  }
}

async function runCommand(name: string, input: Parameters<Command<never>>[0]): Promise<number> {
  try {
    const run = await COMMANDS[name]!.load();
    return await run(input);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof CommandError) {
      console.error(error.message);
      return USAGE_EXIT;
    }
    const { code, message } = error as { code?: unknown; message: string };
    if (code === 'ERR_MODULE_NOT_FOUND') {
      const [missing] = message.split(' imported from');
      console.error(`${missing}. Production images do not contain what ${name} needs: run it in a clone of the repository, after npm ci.`);
      return USAGE_EXIT;
    }
    console.error(isAppError(error) ? error.message : error);
    return 1;
  }
}

/** Waits until all output is flushed: exiting with a full pipe would drop the rest. */
async function drained(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
