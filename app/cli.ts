import { ConfigError } from './config.ts';
import { isAppError } from './errors.ts';

/** What every command gets: its arguments, the environment, and a signal that it is to stop. */
export interface CommandInput {
  args: string[];
  env: NodeJS.ProcessEnv;
  stop: AbortSignal;
}

/** Runs to its end, or until told to stop. @returns the exit code */
export type Command = (input: CommandInput) => Promise<number>;

/** Loaded when asked for: production has neither the sandbox nor the demo. */
const COMMANDS: Record<string, { does: string; load: () => Promise<Command> }> = {
  serve: { does: 'run the service; with --local, on this machine alone', load: async () => (await import('./commands/serve.ts')).serve },
  migrate: { does: 'bring the job store to this release', load: async () => (await import('./commands/migrate.ts')).migrateStore },
  doctor: {
    does: 'try everything that the service needs, and say what is wrong; with --real, what documentation leaves open',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  query: { does: 'ask BigQuery: query "SELECT …"', load: async () => (await import('./commands/query.ts')).query },
  sandbox: {
    does: 'run Postgres, Salesforce and BigQuery on this machine',
    load: async () => (await import('./commands/sandbox.ts')).sandbox,
  },
  demo: { does: 'walk the whole way once, and compare every value', load: async () => (await import('./demo.ts')).demo },
};

const USAGE_EXIT = 2;

/** A terminal's interrupt comes twice, to npm's whole group and once more from npm: only one that comes later is meant as a second. */
const SECOND_SIGNAL_MS = 1_000;

const code = await main();
await Promise.all([drained(process.stdout), drained(process.stderr)]);
process.exit(code);

async function main(): Promise<number> {
  const [name = '', ...args] = process.argv.slice(2);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    console.error(
      `Give a command:\n${Object.entries(COMMANDS)
        .map(([key, { does }]) => `  ${key.padEnd(8)} ${does}`)
        .join('\n')}`,
    );
    return USAGE_EXIT;
  }
  try {
    const run = await command.load();
    return await run({ args, env: process.env, stop: stopSignal() });
  } catch (error) {
    if (error instanceof ConfigError || isAppError(error)) console.error(error.message);
    else console.error(error);
    return error instanceof ConfigError ? USAGE_EXIT : 1;
  }
}

/** Waits until what was written has left the process: a pipe takes no more than its reader reads, and an exit would drop the rest. */
async function drained(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}

/**
 * Aborts at the first TERM or INT, so that a command can end well; a second one ends the process. Aborts also when the reader of the
 * output is gone, as with `| head`, and when a process of ours that started this one is: killed, it cannot tell us to stop, but its
 * channel closes.
 */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      first ||= Date.now();
      if (Date.now() - first > SECOND_SIGNAL_MS) process.exit(1);
      controller.abort();
    });
  }
  process.stdout.on('error', () => controller.abort());
  process.stderr.on('error', () => {});
  if (process.send) process.once('disconnect', () => controller.abort());
  return controller.signal;
}
