import { createJob } from '../../actions/jobs/create-job.ts';
import { COMMAND_LINE } from '../../commands/command.ts';
import type { Context } from '../../context.ts';
import { isAppError } from '../../errors.ts';
import { estimateRecordCount } from '../../salesforce/record-count.ts';
import type { Connection } from '../../store/connections/connections.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import type { Setup } from './setup.ts';

/** What most orgs have, in the order in which it is offered. */
const OFFERED = ['Account', 'Contact', 'Lead', 'Opportunity', 'Case', 'Task', 'User'];

/** The first jobs of a connection. */
export interface FirstJobs {
  /** at least one */
  jobs: readonly Job[];
  /** how many rows they will read, by Salesforce's estimates; null: unknown */
  expected: number | null;
}

/** Offers objects until there is a job for at least one. */
export async function createJobs({ screen, prompt }: Setup, context: Context, connection: Connection): Promise<FirstJobs> {
  screen.step('What to import');
  const client = context.salesforce(connection.id);
  const counts = new Map<string, number | null>();
  for (const name of OFFERED) counts.set(name, await estimateRecordCount(client, name));
  screen.table(
    ['object', '(rows, about)'],
    [...counts].map(([name, count]) => [name, count === null ? '?' : count.toLocaleString('en')]),
  );
  for (;;) {
    const answer = await prompt.ask('Objects, also custom ones (Invoice__c), separated by commas', OFFERED[0]);
    const startDate = await prompt.ask('Changed or created since, as YYYY-MM-DD, or all', 'all');
    const names = new Set(answer.split(',').map((name) => name.trim()));
    const jobs: Job[] = [];
    for (const objectName of names) {
      try {
        jobs.push((await createJob(context, connection, { objectName, options: { startDate }, takeOver: false }, COMMAND_LINE)).job);
      } catch (error) {
        if (!isAppError(error)) throw error;
        screen.failed(`${objectName}: ${error.message}`);
      }
    }
    if (jobs.length === 0) continue;
    // The estimates are of all rows.
    const estimates = startDate === 'all' ? jobs.map(({ objectName }) => counts.get(objectName) ?? null) : [null];
    return { jobs, expected: estimates.includes(null) ? null : estimates.reduce<number>((sum, count) => sum + count!, 0) };
  }
}
