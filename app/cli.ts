import './v8-settings.ts';
import { Argument, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Command } from './commands/command.ts';
import { CommandError } from './commands/command-error.ts';
import { type CommandEntry, createProgram, describeUsageError, PROGRAM } from './commands/program.ts';
import { silenceMetadataLookup } from './commands/silence-metadata-lookup.ts';
import { stopSignal } from './commands/stop-signal.ts';
import { ConfigError } from './env-reader.ts';
import { isAppError } from './errors.ts';

const USAGE_EXIT = 2;

const DATA = new Option('--data <folder>', 'folder for all local state').default('.local');
const PORT_BASE = new Option(
  '--port-base <port>',
  'port of the service; the emulators use the next four; 0: any free ports (default: as last time, or 4444)',
);
const CLOCK = new Option('--clock <instant>', "freeze the local org's clock, for example at 2023-03-01T00:10:00Z");

const SERVICE = [
  new Option('--url <url>', 'the address of the service (default: SERVICE_URL)'),
  new Option('--local', 'the service of npm start, which must be running'),
  DATA,
];

/** Each is loaded when it runs: production ships neither the emulators nor the demo. */
const COMMANDS: Record<string, CommandEntry> = {
  serve: {
    does: 'run the service; with --local, entirely on this machine',
    details:
      'Reads its configuration from the environment (see app/README.md). With --local, emulators of Postgres, Salesforce and BigQuery supply whatever is not configured, and the other options apply.',
    options: [
      new Option('--local', 'use the emulators for whatever the environment does not configure'),
      DATA,
      PORT_BASE,
      CLOCK,
      new Option('--no-tick', 'do not tick at startup and every 15 minutes'),
      new Option('--yes', 'create missing BigQuery datasets without asking'),
    ],
    examples: ['npm start', 'npm start -- --port-base 5000 --no-tick', `${PROGRAM} serve`],
    exits: ['stopped by a signal', 'stopped by an error'],
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  connect: {
    does: 'connect your own org on this machine, and import its first rows',
    details:
      'Asks for everything it needs and explains where to find it: the org, an External Client App, where the rows go, and which objects. Saves the settings in the data folder, where npm start reads them. Run it again to change an answer. With --sf, it uses a login of the Salesforce CLI for a trial: no app is needed, and a deployed service refuses that connection.',
    options: [
      DATA,
      new Option('--port-base <port>', 'port of localhost that receives the callback; the emulators use the next four (default: 4444)'),
      new Option('--flow <flow>', 'how to log in: in your browser, or without a user')
        .choices(['browser', 'client_credentials', 'jwt_bearer'])
        .default('browser'),
      new Option('--sf <alias>', 'the login of the Salesforce CLI with this alias or username'),
    ],
    examples: ['npm run connect', 'npm run connect -- --flow client_credentials', 'npm run connect -- --sf my-org'],
    exits: ['the org is connected, and its first import is complete', 'it is not; the message says why'],
    load: async () => (await import('./commands/connect.ts')).connect,
  },
  migrate: {
    does: 'migrate the job store to the schema of this release',
    examples: [`${PROGRAM} migrate`],
    exits: ['the schema is up to date', 'a migration failed; its changes were rolled back'],
    load: async () => (await import('./commands/migrate.ts')).migrateStore,
  },
  doctor: {
    does: 'check everything the service needs and report problems',
    options: [
      new Option('--local', 'check what serve --local runs: its emulators, and whatever the environment configures'),
      DATA,
      new Option('--real', 'check assumptions that documentation does not settle, on a real org and project'),
      new Option('--connection <connection>', 'with --real: the connection to use, by its alias, id or user_id (default: the first one)'),
      new Option('--object <name>', 'with --real: the object to use (default: a common object that has rows)'),
    ],
    examples: ['npm run doctor', `${PROGRAM} doctor`, `${PROGRAM} doctor --real --object Account`],
    exits: ['every check passed', 'a check failed'],
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  query: {
    does: 'query BigQuery: the emulator unless GOOGLE_CLOUD_PROJECT is set',
    details:
      'Reads the statement from standard input if no argument is given. Tables fit the terminal: wide values end with …, and if there are too many columns, each record is a block of its own. In a pipe or a file, and in csv and json, nothing is cut.',
    takes: [new Argument('[sql...]', 'one GoogleSQL statement')],
    options: [
      new Option('--format <format>', 'how to print rows').choices(['table', 'csv', 'json']).default('table'),
      new Option('--write', 'allow statements other than SELECT'),
      new Option('--max-gb <number>', 'refuse a statement for which BigQuery would bill more').default(10).argParser(readGigabytes),
      DATA,
      PORT_BASE,
    ],
    examples: [
      'npm run query -- "SELECT COUNT(*) AS accounts FROM salesforce.Account"',
      'npm run --silent query -- --format csv "SELECT * FROM salesforce.Account_live" > accounts.csv',
      'npm run query < report.sql',
    ],
    exits: ['the statement succeeded', 'the statement failed'],
    load: async () => (await import('./commands/query.ts')).query,
  },
  jobs: {
    does: 'list the jobs; repair, compare, change or delete one, or erase a record of it',
    details:
      'list shows all jobs. reimport imports rows again, sync-now what has changed since last_date; rebuild replaces the whole table; sweep finds and repairs what windows cannot see; compare compares rows with the table and writes nothing. change changes --start-date, --deletes, --every, --history or which fields are read. erase removes one record from all tables of a job. delete deletes a job, and keeps or drops its table. All act on the job store, so the service need not be reachable, but its workers execute the runs. See Repairs in app/README.md.',
    takes: [
      new Argument('<action>', 'what to do').choices([
        'list',
        'reimport',
        'rebuild',
        'sweep',
        'sync-now',
        'compare',
        'change',
        'erase',
        'delete',
      ]),
      new Argument('[job]', "the job's object or id; not for list"),
    ],
    options: [
      new Option('--from <date>', 'reimport, compare: rows stamped from this date or instant on (default: start_date)'),
      new Option('--to <date>', 'reimport, compare: rows stamped before it (default: last_date)'),
      new Option('--ids <ids>', 'reimport, compare: the records with these Ids instead, separated by commas'),
      new Option('--id-from <id>', 'reimport, compare: only Ids from this one on'),
      new Option('--id-to <id>', 'reimport, compare: only Ids before this one'),
      new Option('--start-date <date>', 'change: an earlier start date, or all'),
      new Option('--deletes <how>', 'change: how to treat deleted rows').choices(['keep', 'blank', 'remove']),
      new Option('--every <interval>', 'change: how often windows close, 15m to 12h, or day'),
      new Option('--history <boolean>', 'change: true keeps each version of a record in a table of its own, false stops that'),
      new Option('--exclude-fields <fields>', 'change: the fields never to read, names or patterns separated by commas'),
      new Option('--hash-fields <fields>', 'change: the fields to hash, in the same way'),
      new Option('--new-fields <how>', 'change: what becomes of fields that appear').choices(['add', 'review']),
      new Option('--approve-fields <fields>', 'change: the fields to read that await approval'),
      new Option('--record-id <id>', 'erase: the record'),
      new Option('--suppress', 'erase: also if Salesforce still has it, and leave it out from now on'),
      new Option('--table <what>', 'delete: what becomes of its table').choices(['keep', 'drop']),
      new Option('--local', 'use the job store of serve --local, which must be running'),
      DATA,
    ],
    examples: [
      `${PROGRAM} jobs list`,
      `${PROGRAM} jobs reimport Account --from 2024-03-10`,
      `${PROGRAM} jobs compare Account --ids 0015g00000ABCde,0015g00000ABCdf`,
      `${PROGRAM} jobs change Account --deletes blank`,
      `${PROGRAM} jobs erase Contact --record-id 0035g00000ABCdeAAH`,
      `${PROGRAM} jobs delete Account --table keep`,
    ],
    exits: ['done, or its run is queued', 'refused; the message says why'],
    load: async () => (await import('./commands/jobs.ts')).jobs,
  },
  'suggest-field-policy': {
    does: 'list the fields of an object that Salesforce classifies as sensitive, and which of them to exclude or hash',
    details:
      'Reads how admins have classified each field (data sensitivity level, compliance categorization), and suggests to exclude what is Restricted or MissionCritical and to hash the rest. Prints the lists for create_importing_job or jobs change; changes nothing. Calls the org twice. See Fields by policy in app/README.md.',
    takes: [new Argument('<connection>', 'its alias, id or user_id'), new Argument('<object>', "the object's API name")],
    options: [new Option('--local', 'use the job store of serve --local, which must be running'), DATA],
    examples: [`${PROGRAM} suggest-field-policy production Contact`],
    exits: ['printed', 'the classification cannot be read'],
    load: async () => (await import('./commands/suggest-field-policy.ts')).suggestFieldPolicyCommand,
  },
  runs: {
    does: "list a job's runs; show a run, cancel it, retry it without waiting, or accept its verdict",
    details:
      'list shows the runs of a job, the latest first; show, a run with its receipt and what it cost. cancel ends a queued or running run. The job stays active: the next tick starts again from last_date. retry makes a waiting run due now; for one that failed or was cancelled, it queues the next run of its job. accept does the same for a run that failed with a verdict that you may accept; the next run may pass it. All act on the job store, so the service need not be reachable.',
    takes: [
      new Argument('<action>', 'what to do').choices(['list', 'show', 'cancel', 'retry', 'accept']),
      new Argument('[run_id]', "the run's id, from list or /jobs; not for list"),
    ],
    options: [
      new Option('--job <job>', "list: the job's object or id"),
      new Option('--limit <number>', 'list: how many runs, up to 1000 (default: 100)'),
      new Option('--after <position>', 'list: the runs before those of an earlier list, which prints it'),
      new Option('--local', 'use the job store of serve --local, which must be running'),
      DATA,
    ],
    examples: [
      `${PROGRAM} runs list --job Account`,
      `${PROGRAM} runs show 0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11`,
      `${PROGRAM} runs cancel 0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11`,
      `${PROGRAM} runs retry --local 0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11`,
      `${PROGRAM} runs accept 0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11`,
    ],
    exits: ['shown, cancelled, or due now', 'refused; the message says why'],
    load: async () => (await import('./commands/runs.ts')).runs,
  },
  connections: {
    does: 'list the connections to orgs, or show, test, change or disconnect one',
    details:
      'list shows all connections. show prints one, with the calls to its org. test calls its org. change sets --alias, --api-share, --quiet-hours, or which fields new jobs read; an empty one is removed. disconnect revokes the grant in Salesforce, forgets its tokens and pauses its jobs; tables stay. All act on the job store, so the service need not be reachable.',
    takes: [
      new Argument('<action>', 'what to do').choices(['list', 'show', 'test', 'change', 'disconnect']),
      new Argument('[connection]', 'its alias, id or user_id; not for list'),
    ],
    options: [
      new Option('--alias <name>', 'change: a name to use instead of the user_id'),
      new Option('--api-share <share>', "change: the share of the org's calls, instead of API_SHARE"),
      new Option('--quiet-hours <hours>', 'change: when no repair runs, for example "08:00-18:00 Europe/Berlin"'),
      new Option('--exclude-fields <fields>', 'change: the fields that new jobs never read, names or patterns separated by commas'),
      new Option('--hash-fields <fields>', 'change: the fields that new jobs hash, in the same way'),
      new Option('--new-fields <how>', 'change: what becomes of fields that appear in new jobs').choices(['add', 'review', '']),
      new Option('--force', 'disconnect: forget the tokens even if Salesforce cannot be reached'),
      new Option('--local', 'use the job store of serve --local, which must be running'),
      DATA,
    ],
    examples: [
      `${PROGRAM} connections list`,
      `${PROGRAM} connections test production`,
      `${PROGRAM} connections change 1 --alias production --quiet-hours 08:00-18:00`,
      `${PROGRAM} connections disconnect production`,
    ],
    exits: ['done', 'refused; the message says why'],
    load: async () => (await import('./commands/connections.ts')).connections,
  },
  'connect-links': {
    does: 'list the links with which Salesforce admins connect orgs, or revoke one',
    details:
      'list shows each link with its state, but not its URL, which is shown only when it is created: POST /v1/connect-links. revoke makes a link useless, and ends the logins that are open with it; an org that it has connected stays connected. Both act on the job store, so the service need not be reachable.',
    takes: [
      new Argument('<action>', 'what to do').choices(['list', 'revoke']),
      new Argument('[id]', 'the id of the link, from list; not for list'),
    ],
    options: [new Option('--local', 'use the job store of serve --local, which must be running'), DATA],
    examples: [`${PROGRAM} connect-links list`, `${PROGRAM} connect-links revoke 0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11`],
    exits: ['done', 'refused; the message says why'],
    load: async () => (await import('./commands/connect-links.ts')).connectLinks,
  },
  'dbt-sources': {
    does: 'print the sources.yml of a dbt project, with every table that the service keeps current',
    details:
      'Has the label, help text and type of each column, tests of Ids and references, and the freshness of each table. Read from the job store, so the service need not be reachable. Needs dbt 1.10.5 or later. See dbt in app/README.md.',
    options: [
      new Option('--dataset <dataset>', 'only its tables (default: those of all target datasets)'),
      new Option('--local', 'use the job store of serve --local, which must be running'),
      DATA,
    ],
    examples: [`${PROGRAM} dbt-sources > models/salesforce.yml`],
    exits: ['printed', 'refused; the message says why'],
    load: async () => (await import('./commands/dbt-sources.ts')).dbtSources,
  },
  apply: {
    does: 'create and change jobs as a file says, after printing what changes',
    details:
      'The file names connections and, for each, objects or patterns with their options; see Jobs as code in README.md. Prints a plan, then takes it. What the file leaves out stays as it is: a job that it does not contain is reported, and paused only with --pause-missing; no job is ever deleted. Running it again changes nothing. Calls the service with the API key in SYNC_API_KEY (role operate or admin).',
    options: [
      new Option('-f, --file <file>', 'the file, in YAML').makeOptionMandatory(),
      new Option('--dry-run', 'only print the plan'),
      new Option('--pause-missing', 'pause the jobs of these connections that the file does not contain'),
      ...SERVICE,
    ],
    examples: [
      `${PROGRAM} apply -f sync.yaml --dry-run`,
      `SERVICE_URL=https://sync.example.com SYNC_API_KEY=… ${PROGRAM} apply -f sync.yaml`,
      `${PROGRAM} apply -f sync.yaml --local`,
    ],
    exits: ['the jobs are as the file says, or with --dry-run can become so', 'something was refused; the message says why'],
    load: async () => (await import('./commands/apply.ts')).apply,
  },
  export: {
    does: 'write the jobs of a service as a file for apply',
    details: 'apply finds nothing to change in it. Calls the service with the API key in SYNC_API_KEY (any role but tick).',
    options: [new Option('-f, --file <file>', 'where to write (default: standard output)'), ...SERVICE],
    examples: [`${PROGRAM} export > sync.yaml`, `${PROGRAM} export --local -f sync.yaml`],
    exits: ['written', 'the service refused, or did not respond; the message says why'],
    load: async () => (await import('./commands/export.ts')).exportJobs,
  },
  reseal: {
    does: 'seal every stored token with the first key of TOKEN_KEYS',
    details:
      'After a new key was added in front of TOKEN_KEYS, this seals what older keys have sealed, so that they can be removed. Needs only the job store and TOKEN_KEYS. Can be stopped and run again at any time, also while the service runs. See infra/README.md.',
    options: [new Option('--local', 'use the job store of serve --local, which must be running'), DATA],
    examples: [`${PROGRAM} reseal`, 'npm run op -- reseal'],
    exits: ['the first key opens every row: remove the other keys', 'rows are left; the message says why'],
    load: async () => (await import('./commands/reseal.ts')).reseal,
  },
  'accept-restore': {
    does: 'let the service continue on a job store that was restored from a backup',
    details:
      'After a restore, the service imports nothing until this command accepts the job store: doctor and /jobs show why. It gives the job store a new epoch and starts its open runs over from last_date. It refuses while another job store of the installation may be in use, and while BigQuery runs jobs that were started before. See infra/README.md.',
    options: [new Option('--local', 'use the job store of serve --local, which must be running'), DATA],
    examples: [`${PROGRAM} accept-restore`, `${PROGRAM} accept-restore --local`],
    exits: ['the job store is accepted', 'it is not; the message says why'],
    load: async () => (await import('./commands/accept-restore.ts')).acceptRestore,
  },
  emulators: {
    does: 'run the emulators: Postgres, Salesforce and BigQuery on this machine',
    details: 'Prints their addresses as JSON once they accept requests.',
    options: [DATA, PORT_BASE, CLOCK],
    examples: [`${PROGRAM} emulators --data /tmp/emulators --port-base 0`],
    exits: ['stopped by a signal', 'stopped by an error'],
    load: async () => (await import('./local/emulators-command.ts')).emulators,
  },
  demo: {
    does: 'run imports end to end on emulators and compare every value',
    details: 'Uses free ports and a temporary folder, which it deletes. Touches nothing real, whatever the environment configures.',
    examples: ['npm run demo'],
    exits: ['everything in BigQuery equals the org', 'something differs, or the demo could not finish'],
    load: async () => (await import('./local/demo.ts')).demo,
  },
};

silenceMetadataLookup();
const code = await main(process.argv.slice(2), stopSignal());
await Promise.all([drained(process.stdout), drained(process.stderr)]);
process.exit(code);

async function main(argv: string[], stop: AbortSignal): Promise<number> {
  let exitCode = 0;
  const program = createProgram(COMMANDS, async (name, args, options) => {
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

function readGigabytes(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && number > 0 && number <= 1e6) return number;
  throw new InvalidArgumentError('Use a number greater than 0 and at most 1000000.');
}

/** Waits until all output is flushed: exiting with a full pipe would drop the rest. */
async function drained(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
