import { Argument, InvalidArgumentError, Option } from 'commander';
import { type CommandEntry, PROGRAM } from '../program.ts';
import { CLOCK, DATA, LIMIT, PORT_BASE, SERVICE_JSON } from './options.ts';

/** Commands that run the service, or what it needs. Each is loaded when it runs: production ships neither the emulators nor the demo. */
export const SERVICE_COMMANDS: Record<string, CommandEntry> = {
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
    load: async () => (await import('../serve.ts')).serve,
  },
  connect: {
    needsClone: true,
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
    load: async () => (await import('../connect.ts')).connect,
  },
  migrate: {
    does: 'migrate the job store to the schema of this release',
    examples: [`${PROGRAM} migrate`],
    exits: ['the schema is up to date', 'a migration failed; its changes were rolled back'],
    load: async () => (await import('../migrate.ts')).migrateStore,
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
    load: async () => (await import('../doctor.ts')).doctor,
  },
  version: {
    does: 'show which releases of a service run',
    details: 'Lists its processes, too: while it is deployed, there are two releases. Calls a service as the command jobs does.',
    options: SERVICE_JSON,
    examples: [`${PROGRAM} version`, 'npm run op -- version'],
    exits: ['shown', 'the service refused, or did not respond; the message says why'],
    load: async () => (await import('../version.ts')).version,
  },
  activity: {
    does: 'list who changed what, the latest first',
    details: 'Calls a service as the command jobs does; its key needs the role operate or admin.',
    options: [LIMIT, new Option('--after <position>', 'the changes before those of an earlier list, which prints it'), ...SERVICE_JSON],
    examples: [`${PROGRAM} activity --limit 20`, 'npm run op -- activity'],
    exits: ['listed', 'the service refused, or did not respond; the message says why'],
    load: async () => (await import('../activity.ts')).activity,
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
    load: async () => (await import('../query.ts')).query,
  },
  emulators: {
    needsClone: true,
    does: 'run the emulators: Postgres, Salesforce and BigQuery on this machine',
    details: 'Prints their addresses as JSON once they accept requests.',
    options: [DATA, PORT_BASE, CLOCK],
    examples: [`${PROGRAM} emulators --data /tmp/emulators --port-base 0`],
    exits: ['stopped by a signal', 'stopped by an error'],
    load: async () => (await import('../../local/emulators-command.ts')).emulators,
  },
  demo: {
    needsClone: true,
    does: 'run imports end to end on emulators and compare every value',
    details: 'Uses free ports and a temporary folder, which it deletes. Touches nothing real, whatever the environment configures.',
    options: [new Option('--serve', 'leave the service and its console open at the end, until Ctrl-C')],
    examples: ['npm run demo', 'npm run demo -- --serve'],
    exits: ['everything in BigQuery equals the org', 'something differs, or the demo could not finish'],
    load: async () => (await import('../../local/demo.ts')).demo,
  },
};

function readGigabytes(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && number > 0 && number <= 1e6) return number;
  throw new InvalidArgumentError('Use a number greater than 0 and at most 1000000.');
}
