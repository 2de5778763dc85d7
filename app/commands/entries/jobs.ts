import { Argument, Option } from 'commander';
import { JOB_STATES } from '../../core/jobs/job-state.ts';
import { type CommandEntry, PROGRAM } from '../program.ts';
import { SERVICE, SERVICE_JSON } from './options.ts';

const JOB = new Argument('<job>', "the job's object or id");

const CALLS =
  'Calls the service at --url or SERVICE_URL with the API key in SYNC_API_KEY; without either, that of npm start, or, in an environment that configures a service, as npm run op has it, that one.';

const RANGE = [
  new Option('--from <date>', 'rows stamped from this date or instant on (default: start_date)'),
  new Option('--to <date>', 'rows stamped before it (default: last_date)'),
  new Option('--ids <ids>', 'the records with these Ids instead, separated by commas').conflicts(['from', 'to', 'idFrom', 'idTo']),
  new Option('--id-from <id>', 'only Ids from this one on'),
  new Option('--id-to <id>', 'only Ids before this one'),
];

/** What new and changed jobs have in common. */
const CHANGEABLE = [
  new Option('--deletes <how>', 'how to treat deleted rows').choices(['keep', 'blank', 'remove']),
  new Option('--every <interval>', 'how often windows close, 15m to 12h, or day'),
  new Option('--history <boolean>', 'true keeps each version of a record in a table of its own'),
  new Option('--exclude-fields <fields>', 'the fields never to read, names or patterns separated by commas'),
  new Option('--hash-fields <fields>', 'the fields to hash, in the same way'),
  new Option('--new-fields <how>', 'what becomes of fields that appear').choices(['add', 'review']),
];

const QUEUED: [string, string] = ['its run is queued', 'refused; the message says why'];

/** Commands about jobs. */
export const JOB_COMMANDS: Record<string, CommandEntry> = {
  jobs: {
    does: 'list the jobs',
    details: `Shows each job's state, last_date and table, and until when and why a run is deferred. ${CALLS}`,
    options: [
      new Option('--state <state>', 'only jobs in this state').choices(JOB_STATES),
      new Option('--object <name>', 'only the jobs for this object'),
      new Option('--connection <connection>', 'only those of this connection: its alias, id or user_id'),
      new Option('--dataset <dataset>', 'only those with a table in this dataset'),
      ...SERVICE_JSON,
    ],
    examples: [`${PROGRAM} jobs`, `${PROGRAM} jobs --state failed --json`, 'npm run op -- jobs'],
    exits: ['listed', 'the service refused, or did not respond; the message says why'],
    load: async () => (await import('../jobs/jobs.ts')).jobs,
  },
  objects: {
    does: 'list the objects of an org, and why some cannot be imported',
    details: `With an object, shows how a new job would read it, and which of its fields no job can read. Calls the org. ${CALLS}`,
    takes: [new Argument('<connection>', 'its alias, id or user_id'), new Argument('[object]', "the object's API name")],
    options: SERVICE_JSON,
    examples: [`${PROGRAM} objects production`, `${PROGRAM} objects production Account`],
    exits: ['listed', 'the service or the org refused; the message says why'],
    load: async () => (await import('../jobs/objects.ts')).objects,
  },
  preview: {
    does: 'show what a new job would do with each field, and cost; write nothing',
    details: `Makes the same checks as a creation. ${CALLS}`,
    takes: [new Argument('<connection>', 'its alias, id or user_id'), new Argument('<object>', "the object's API name")],
    options: [
      new Option('--start-date <date>', 'rows stamped from this date on').default('all'),
      new Option('--dataset <dataset>', 'of the table (default: the first of BIGQUERY_DATASETS)'),
      new Option('--append-only <boolean>', 'whether rows of the object are never edited'),
      ...CHANGEABLE,
      ...SERVICE_JSON,
    ],
    examples: [`${PROGRAM} preview production Contact --every 1h --hash-fields Email`],
    exits: ['the job can be created, or exists', 'it would be refused; the message says why'],
    load: async () => (await import('../jobs/preview.ts')).preview,
  },
  'sync-now': {
    does: 'import what has changed since the last_date of a job',
    details: `The run leaves last_date unchanged. ${CALLS}`,
    takes: [JOB],
    options: SERVICE_JSON,
    examples: [`${PROGRAM} sync-now Account`],
    exits: QUEUED,
    load: async () => (await import('../jobs/job-actions.ts')).syncNow,
  },
  reimport: {
    does: 'import rows of a job again',
    details: `See Repairs in app/README.md. ${CALLS}`,
    takes: [JOB],
    options: [...RANGE, ...SERVICE_JSON],
    examples: [`${PROGRAM} reimport Account --from 2024-03-10`],
    exits: QUEUED,
    load: async () => (await import('../jobs/job-actions.ts')).reimport,
  },
  compare: {
    does: 'compare rows of a job with its table; write nothing',
    details: `The receipt of the run counts the differences. ${CALLS}`,
    takes: [JOB],
    options: [...RANGE, ...SERVICE_JSON],
    examples: [`${PROGRAM} compare Account --ids 0015g00000ABCde,0015g00000ABCdf`],
    exits: QUEUED,
    load: async () => (await import('../jobs/job-actions.ts')).compare,
  },
  rebuild: {
    does: 'replace the whole table of a job, or create it if it is missing',
    details: `See Rebuild in app/README.md. ${CALLS}`,
    takes: [JOB],
    options: SERVICE_JSON,
    examples: [`${PROGRAM} rebuild Account`],
    exits: QUEUED,
    load: async () => (await import('../jobs/job-actions.ts')).rebuild,
  },
  sweep: {
    does: 'find and repair what the windows of a job cannot see',
    details: `See Sweep in app/README.md. ${CALLS}`,
    takes: [JOB],
    options: SERVICE_JSON,
    examples: [`${PROGRAM} sweep Account`],
    exits: QUEUED,
    load: async () => (await import('../jobs/job-actions.ts')).sweep,
  },
  pause: {
    does: 'pause a job',
    details: `Ticks start no runs for it; a run in progress finishes first. ${CALLS}`,
    takes: [JOB],
    options: SERVICE_JSON,
    examples: [`${PROGRAM} pause Account`],
    exits: ['the job is paused', 'refused; the message says why'],
    load: async () => (await import('../jobs/job-actions.ts')).pause,
  },
  resume: {
    does: 'resume a paused job',
    details: `The next tick imports everything it missed. ${CALLS}`,
    takes: [JOB],
    options: SERVICE_JSON,
    examples: [`${PROGRAM} resume Account`],
    exits: ['the job is active', 'refused; the message says why'],
    load: async () => (await import('../jobs/job-actions.ts')).resume,
  },
  change: {
    does: 'change the options of a job',
    details: `Prints what happens next; some changes queue a repair. ${CALLS}`,
    takes: [JOB],
    options: [
      new Option('--start-date <date>', 'an earlier start date, or all'),
      ...CHANGEABLE,
      new Option('--approve-fields <fields>', 'the fields to read that await approval'),
      ...SERVICE_JSON,
    ],
    examples: [`${PROGRAM} change Account --deletes blank`],
    exits: ['changed', 'refused; the message says why'],
    load: async () => (await import('../jobs/job-actions.ts')).change,
  },
  erase: {
    does: 'erase one record from all tables of a job',
    details: `See Erase in app/README.md. ${CALLS}`,
    takes: [JOB],
    options: [
      new Option('--record-id <id>', 'the record').makeOptionMandatory(),
      new Option('--suppress', 'also if Salesforce still has it, and leave it out from now on'),
      ...SERVICE_JSON,
    ],
    examples: [`${PROGRAM} erase Contact --record-id 0035g00000ABCdeAAH`],
    exits: QUEUED,
    load: async () => (await import('../jobs/job-actions.ts')).erase,
  },
  delete: {
    does: 'delete a job, and keep or drop its table',
    details: `Its runs and receipts are deleted, too. ${CALLS}`,
    takes: [JOB],
    options: [new Option('--table <what>', 'what becomes of its table').choices(['keep', 'drop']).makeOptionMandatory(), ...SERVICE_JSON],
    examples: [`${PROGRAM} delete Account --table keep`],
    exits: ['the job is deleted', 'refused; the message says why'],
    load: async () => (await import('../jobs/job-actions.ts')).deleteJob,
  },
  apply: {
    does: 'create and change jobs as a file says, after printing what changes',
    details:
      'The file names connections and, for each, objects or patterns with their options; see Jobs as code in README.md. Prints a plan, then takes it. What the file leaves out stays as it is: a job that it does not contain is reported, and paused only with --pause-missing; no job is ever deleted. Running it again changes nothing. Calls the service with the API key in SYNC_API_KEY (role operate or admin).',
    options: [
      new Option('-f, --file <file>', 'the file, in YAML').makeOptionMandatory(),
      new Option('--dry-run', 'only print the plan'),
      new Option('--pause-missing', 'pause the jobs of these connections that the file does not contain'),
      ...SERVICE_JSON,
    ],
    examples: [
      `${PROGRAM} apply -f sync.yaml --dry-run`,
      `SERVICE_URL=https://sync.example.com SYNC_API_KEY=… ${PROGRAM} apply -f sync.yaml`,
      `${PROGRAM} apply -f sync.yaml --local`,
    ],
    exits: ['the jobs are as the file says, or with --dry-run can become so', 'something was refused; the message says why'],
    load: async () => (await import('../jobs/apply.ts')).apply,
  },
  'suggest-field-policy': {
    does: 'list the fields of an object that Salesforce classifies as sensitive, and which of them to exclude or hash',
    details: `Reads how admins have classified each field (data sensitivity level, compliance categorization), and suggests to exclude what is Restricted or MissionCritical and to hash the rest. Prints the lists for create_importing_job or the command change; changes nothing. Calls the org twice. See Fields by policy in app/README.md. ${CALLS}`,
    takes: [new Argument('<connection>', 'its alias, id or user_id'), new Argument('<object>', "the object's API name")],
    options: SERVICE_JSON,
    examples: [`${PROGRAM} suggest-field-policy production Contact`],
    exits: ['printed', 'the classification cannot be read, or the service refused; the message says why'],
    load: async () => (await import('../jobs/suggest-field-policy.ts')).suggestFieldPolicy,
  },
  'dbt-sources': {
    does: 'print the sources.yml of a dbt project, with every table that the service keeps current',
    details: `Has the label, help text and type of each column, tests of Ids and references, and the freshness of each table. Needs dbt 1.10.5 or later. See dbt in app/README.md. ${CALLS}`,
    options: [new Option('--dataset <dataset>', 'only its tables (default: those of all target datasets)'), ...SERVICE],
    examples: [`${PROGRAM} dbt-sources > models/salesforce.yml`],
    exits: ['printed', 'the service refused, or did not respond; the message says why'],
    load: async () => (await import('../jobs/dbt-sources.ts')).dbtSources,
  },
  export: {
    does: 'write the jobs of a service as a file for apply',
    details: 'apply finds nothing to change in it. Calls the service with the API key in SYNC_API_KEY (any role but tick).',
    options: [
      new Option('-f, --file <file>', 'where to write (default: standard output)'),
      new Option('--json', 'write JSON instead of YAML; apply reads both'),
      ...SERVICE,
    ],
    examples: [`${PROGRAM} export > sync.yaml`, `${PROGRAM} export --local -f sync.yaml`],
    exits: ['written', 'the service refused, or did not respond; the message says why'],
    load: async () => (await import('../jobs/export.ts')).exportJobs,
  },
};
