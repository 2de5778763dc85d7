import type { Command } from './commands/command.ts';
import { CommandError } from './commands/command-error.ts';
import { ConfigError } from './config.ts';
import { isAppError } from './errors.ts';

interface CommandEntry {
  does: string;
  /** what follows the command's name; nothing where it takes nothing */
  takes?: string;
  /** each option with what it means */
  options?: [string, string][];
  load: () => Promise<Command>;
}

const DATA: [string, string] = ['--data <folder>', 'where local mode keeps everything: .local'];
const PORT_BASE: [string, string] = ['--port-base <port>', "the service's port, which the emulators' follow: 4444; 0: any free ones"];
const CLOCK: [string, string] = ['--clock <instant>', "stops the local org's clock there, such as at 2023-03-01T00:10:00Z"];

/** Loaded when they are called: production has neither the emulators nor the demo. */
const COMMANDS: Record<string, CommandEntry> = {
  serve: {
    does: 'run the service; with --local, on this machine alone',
    options: [
      ['--local', 'take what the environment lacks from the emulators'],
      DATA,
      PORT_BASE,
      CLOCK,
      ['--no-tick', 'do not import by itself every hour'],
      ['--yes', 'create missing datasets in BigQuery without asking'],
    ],
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  migrate: { does: 'bring the job store to this release', load: async () => (await import('./commands/migrate.ts')).migrateStore },
  doctor: {
    does: 'try everything that the service needs, and say what is wrong',
    options: [
      ['--real', 'try what documentation leaves open, on a real org and project'],
      ['--connection <user_id>', 'the connection to try it on: the first one'],
      ['--object <name>', 'the object to try it on: one of the usual ones that has rows'],
    ],
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  query: {
    does: 'ask BigQuery, the local one unless GOOGLE_CLOUD_PROJECT is set',
    takes: '"SELECT …"',
    options: [DATA, PORT_BASE],
    load: async () => (await import('./commands/query.ts')).query,
  },
  emulators: {
    does: 'run the emulators: Postgres, Salesforce and BigQuery on this machine',
    options: [DATA, PORT_BASE, CLOCK],
    load: async () => (await import('./local/emulators-command.ts')).emulators,
  },
  demo: { does: 'walk the whole way once, and compare every value', load: async () => (await import('./local/demo.ts')).demo },
};

const USAGE_EXIT = 2;
const PROGRAM = 'node app/cli.ts';

/** A terminal's interrupt comes twice, to npm's whole group and once more from npm: only one that comes later is meant as a second. */
const SECOND_SIGNAL_MS = 1_000;

const stop = stopSignal();
const code = await main(process.argv.slice(2));
await Promise.all([drained(process.stdout), drained(process.stderr)]);
process.exit(code);

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || isHelp(name)) {
    (name === undefined ? console.error : console.log)(overview());
    return name === undefined ? USAGE_EXIT : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    console.error(`There is no command ${name}. Use one of ${Object.keys(COMMANDS).join(', ')}.`);
    return USAGE_EXIT;
  }
  // What follows -- is no option.
  if (args.slice(0, [...args, '--'].indexOf('--')).some(isHelp)) {
    console.log(usage(name, command));
    return 0;
  }
  try {
    const run = await command.load();
    return await run({ args, env: process.env, stop });
  } catch (error) {
    const refusal = refusalOf(error, name);
    console.error(refusal ?? (isAppError(error) ? error.message : error));
    return refusal === undefined ? 1 : USAGE_EXIT;
  }
}

/** What keeps a command from running at all, for its caller; undefined: another error. */
function refusalOf(error: unknown, name: string): string | undefined {
  if (error instanceof ConfigError || error instanceof CommandError) return error.message;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (!String(code).startsWith('ERR_PARSE_ARGS_')) return undefined;
  // Node goes on with advice on how to write what is seldom meant.
  const [fault] = String(message).split(/\. |\.?\n/);
  return `${fault}. See ${PROGRAM} ${name} --help.`;
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h';
}

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { does }]) => `  ${name.padEnd(10)} ${does}`);
  return [`Usage: ${PROGRAM} <command> [--help]`, '', ...lines].join('\n');
}

function usage(name: string, { does, takes, options = [] }: CommandEntry): string {
  const width = Math.max(...options.map(([option]) => option.length));
  const lines = options.map(([option, meaning]) => `  ${option.padEnd(width)}  ${meaning}`);
  const line = [`Usage: ${PROGRAM} ${name}`, ...(options.length > 0 ? ['[options]'] : []), ...(takes ? [takes] : [])].join(' ');
  return [line, `${does[0]!.toUpperCase()}${does.slice(1)}.`, ...(lines.length > 0 ? ['', ...lines] : [])].join('\n');
}

/** Waits until what was written has left the process: a pipe takes no more than its reader reads, and an exit would drop the rest. */
async function drained(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}

/**
 * Aborts at the first TERM or INT, so that a command can end well; a second one ends the process. Aborts also when the reader of the
 * output has closed it, as with `| head`, and when a process of ours that started this one was killed: it cannot stop us, but its
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
