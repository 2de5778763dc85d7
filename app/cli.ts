import type { Command } from './commands/command.ts';
import { CommandError } from './commands/command-error.ts';
import { ConfigError } from './config.ts';
import { isAppError } from './errors.ts';

interface CommandEntry {
  does: string;
  /** the command's positional arguments, if any */
  takes?: string;
  /** each option and its meaning */
  options?: [string, string][];
  load: () => Promise<Command>;
}

const DATA: [string, string] = ['--data <folder>', 'folder for all local state (default: .local)'];
const PORT_BASE: [string, string] = [
  '--port-base <port>',
  'port of the service; the emulators use the next ones (default: 4444; 0 picks free ports)',
];
const CLOCK: [string, string] = ['--clock <instant>', "freeze the local org's clock, for example at 2023-03-01T00:10:00Z"];

/** Loaded on demand: production ships neither the emulators nor the demo. */
const COMMANDS: Record<string, CommandEntry> = {
  serve: {
    does: 'run the service; with --local, entirely on this machine',
    options: [
      ['--local', 'use the emulators for whatever the environment does not configure'],
      DATA,
      PORT_BASE,
      CLOCK,
      ['--no-tick', 'do not tick automatically every hour'],
      ['--yes', 'create missing BigQuery datasets without asking'],
    ],
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  migrate: {
    does: 'migrate the job store to the schema of this release',
    load: async () => (await import('./commands/migrate.ts')).migrateStore,
  },
  doctor: {
    does: 'check everything the service needs and report problems',
    options: [
      ['--real', 'check assumptions that documentation does not settle, on a real org and project'],
      ['--connection <user_id>', 'connection to use (default: the first one)'],
      ['--object <name>', 'object to use (default: a common object that has rows)'],
    ],
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  query: {
    does: 'query BigQuery: the emulator unless GOOGLE_CLOUD_PROJECT is set',
    takes: '"SELECT …"',
    options: [DATA, PORT_BASE],
    load: async () => (await import('./commands/query.ts')).query,
  },
  emulators: {
    does: 'run the emulators: Postgres, Salesforce and BigQuery on this machine',
    options: [DATA, PORT_BASE, CLOCK],
    load: async () => (await import('./local/emulators-command.ts')).emulators,
  },
  demo: { does: 'run one import end to end and compare every value', load: async () => (await import('./local/demo.ts')).demo },
};

const USAGE_EXIT = 2;
const PROGRAM = 'node app/cli.ts';

/** npm forwards a terminal's interrupt, so it arrives twice; only a later signal counts as a second one. */
const SECOND_SIGNAL_MS = 1_000;

silenceMetadataLookup();
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
    console.error(`Unknown command ${name}. Use one of ${Object.keys(COMMANDS).join(', ')}.`);
    return USAGE_EXIT;
  }
  // Arguments after -- are not options.
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

/** The message of an error that kept the command from starting; undefined for any other error. */
function refusalOf(error: unknown, name: string): string | undefined {
  if (error instanceof ConfigError || error instanceof CommandError) return error.message;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (!String(code).startsWith('ERR_PARSE_ARGS_')) return undefined;
  // Drop Node's advice about escaping, which rarely applies.
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

/** Drops google-auth-library's warning that it found no metadata server: the error that follows says what to do. */
function silenceMetadataLookup(): void {
  const emit = process.emitWarning.bind(process) as (...given: unknown[]) => void;
  process.emitWarning = (...given: unknown[]) => {
    if (given[1] !== 'MetadataLookupWarning') emit(...given);
  };
}

/** Waits until all output is flushed: exiting with a full pipe would drop the rest. */
async function drained(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}

/**
 * Aborts on the first SIGTERM or SIGINT so that a command can shut down cleanly; a second one exits the process. Also aborts when the
 * reader closes stdout (`| head`) and when our parent process is killed: it cannot signal us, but its IPC channel closes.
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
