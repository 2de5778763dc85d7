import { Argument, Option } from 'commander';
import { type CommandEntry, PROGRAM } from '../program.ts';
import { STORE } from './options.ts';

/** Commands that open the job store, so that the service need not be reachable. */
export const STORE_COMMANDS: Record<string, CommandEntry> = {
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
      ...STORE,
    ],
    examples: [
      `${PROGRAM} connections list`,
      `${PROGRAM} connections test production`,
      `${PROGRAM} connections change 1 --alias production --quiet-hours 08:00-18:00`,
      `${PROGRAM} connections disconnect production`,
    ],
    exits: ['done', 'refused; the message says why'],
    load: async () => (await import('../connections.ts')).connections,
  },
  'connect-links': {
    does: 'list the links with which Salesforce admins connect orgs, or revoke one',
    details:
      'list shows each link with its state, but not its URL, which is shown only when it is created: POST /v1/connect-links. revoke makes a link useless, and ends the logins that are open with it; an org that it has connected stays connected. Both act on the job store, so the service need not be reachable.',
    takes: [
      new Argument('<action>', 'what to do').choices(['list', 'revoke']),
      new Argument('[id]', 'the id of the link, from list; not for list'),
    ],
    options: STORE,
    examples: [`${PROGRAM} connect-links list`, `${PROGRAM} connect-links revoke 0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11`],
    exits: ['done', 'refused; the message says why'],
    load: async () => (await import('../connect-links.ts')).connectLinks,
  },
  'suggest-field-policy': {
    does: 'list the fields of an object that Salesforce classifies as sensitive, and which of them to exclude or hash',
    details:
      'Reads how admins have classified each field (data sensitivity level, compliance categorization), and suggests to exclude what is Restricted or MissionCritical and to hash the rest. Prints the lists for create_importing_job or the command change; changes nothing. Calls the org twice. See Fields by policy in app/README.md.',
    takes: [new Argument('<connection>', 'its alias, id or user_id'), new Argument('<object>', "the object's API name")],
    options: STORE,
    examples: [`${PROGRAM} suggest-field-policy production Contact`],
    exits: ['printed', 'the classification cannot be read'],
    load: async () => (await import('../jobs/suggest-field-policy.ts')).suggestFieldPolicyCommand,
  },
  'dbt-sources': {
    does: 'print the sources.yml of a dbt project, with every table that the service keeps current',
    details:
      'Has the label, help text and type of each column, tests of Ids and references, and the freshness of each table. Read from the job store, so the service need not be reachable. Needs dbt 1.10.5 or later. See dbt in app/README.md.',
    options: [new Option('--dataset <dataset>', 'only its tables (default: those of all target datasets)'), ...STORE],
    examples: [`${PROGRAM} dbt-sources > models/salesforce.yml`],
    exits: ['printed', 'refused; the message says why'],
    load: async () => (await import('../jobs/dbt-sources.ts')).dbtSources,
  },
  reseal: {
    does: 'seal every stored token with the first key of TOKEN_KEYS',
    details:
      'After a new key was added in front of TOKEN_KEYS, this seals what older keys have sealed, so that they can be removed. Needs only the job store and TOKEN_KEYS. Can be stopped and run again at any time, also while the service runs. See infra/README.md.',
    options: STORE,
    examples: [`${PROGRAM} reseal`, 'npm run op -- reseal'],
    exits: ['the first key opens every row: remove the other keys', 'rows are left; the message says why'],
    load: async () => (await import('../reseal.ts')).reseal,
  },
  'accept-restore': {
    does: 'let the service continue on a job store that was restored from a backup',
    details:
      'After a restore, the service imports nothing until this command accepts the job store: doctor and /jobs show why. It gives the job store a new epoch and starts its open runs over from last_date. It refuses while another job store of the installation may be in use, and while BigQuery runs jobs that were started before. See infra/README.md.',
    options: STORE,
    examples: [`${PROGRAM} accept-restore`, `${PROGRAM} accept-restore --local`],
    exits: ['the job store is accepted', 'it is not; the message says why'],
    load: async () => (await import('../accept-restore.ts')).acceptRestore,
  },
};
