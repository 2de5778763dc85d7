import { Argument, Option } from 'commander';
import { type CommandEntry, PROGRAM } from '../program.ts';
import { SERVICE_JSON } from './options.ts';

const CALLS = 'Calls a service as the command jobs does.';

/** Commands about connections. */
export const CONNECTION_COMMANDS: Record<string, CommandEntry> = {
  connections: {
    does: 'list the connections to orgs, or show, test, change or disconnect one',
    details: `list, the default, shows all connections. show prints one, with the calls to its org. test calls its org. change sets --alias, --api-share, --quiet-hours, or which fields new jobs read; an empty one is removed. disconnect revokes the grant in Salesforce, forgets its tokens and pauses its jobs; tables stay. ${CALLS}`,
    takes: [
      new Argument('[action]', 'what to do').choices(['list', 'show', 'test', 'change', 'disconnect']),
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
      ...SERVICE_JSON,
    ],
    examples: [
      `${PROGRAM} connections`,
      `${PROGRAM} connections test production`,
      `${PROGRAM} connections change 1 --alias production --quiet-hours 08:00-18:00`,
      `${PROGRAM} connections disconnect production`,
      'npm run op -- connections --json',
    ],
    exits: ['done', 'refused; the message says why'],
    load: async () => (await import('../connections.ts')).connections,
  },
  'connect-links': {
    does: 'list the links with which Salesforce admins connect orgs, create one, or revoke one',
    details: `list, the default, shows each link with its state, but not its URL: only create prints it. A link works once, for 72 hours; npm run op would leave its URL in a log, so create it with --url. revoke makes a link useless, and ends the logins that are open with it; an org that it has connected stays connected. ${CALLS} Its key needs the role operate or admin.`,
    takes: [
      new Argument('[action]', 'what to do').choices(['list', 'create', 'revoke']),
      new Argument('[id]', 'revoke: the id of the link, from list'),
    ],
    options: [
      new Option('--login-url <url>', 'create: the login host (default: the first of SALESFORCE_LOGIN_URL)'),
      new Option('--org-id <id>', 'create: the only org that it connects (default: any)'),
      ...SERVICE_JSON,
    ],
    examples: [
      `${PROGRAM} connect-links create --org-id 00D5g000004ABCdEAO`,
      `${PROGRAM} connect-links`,
      `${PROGRAM} connect-links revoke 0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11`,
    ],
    exits: ['done', 'refused; the message says why'],
    load: async () => (await import('../connect-links.ts')).connectLinks,
  },
};
