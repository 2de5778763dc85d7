import { type CommandEntry, PROGRAM } from '../program.ts';
import { STORE } from './options.ts';

/** Commands that open the job store, so that the service need not be reachable. */
export const STORE_COMMANDS: Record<string, CommandEntry> = {
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
