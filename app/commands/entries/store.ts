import { Argument, Option } from 'commander';
import { type CommandEntry, PROGRAM } from '../program.ts';
import { STORE } from './options.ts';

/** Commands that open the job store, so that the service need not be reachable. */
export const STORE_COMMANDS: Record<string, CommandEntry> = {
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
