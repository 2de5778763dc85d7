import { lateTickMessage } from '../core/jobs/tick-interval.ts';
import { connectionsWithoutLogin, findConnectionOfJob, type ListedConnection } from '../store/connections/connection-list.ts';
import { type JobConcern, jobsOfConcern } from '../store/jobs/attention.ts';
import { type ListedJob, listJobs } from '../store/jobs/job-list.ts';
import { readTicks, type Ticks } from '../store/jobs/ticks.ts';
import type { Visit } from './route.ts';

/** What needs a person. */
export interface Attention {
  /** why nothing is imported at all; undefined: the job store agrees with BigQuery */
  halted: string | undefined;
  /** that need a login, and have jobs */
  logins: { connections: number; first: ListedConnection[] };
  concerns: { concern: JobConcern; jobs: number; first: ListedJob[] }[];
  /** that ticks have stopped, in a sentence */
  lateTick: string | undefined;
  ticks: Ticks;
}

/** How old what a page shows may be, in milliseconds. */
const MAX_AGE_MS = 3_000;

/** How many connections, and jobs of a concern, are shown by themselves. */
const MAX_SHOWN = 5;

/** The connection of a job, or of a run's job; undefined: the job is deleted. */
export function readConnectionOf({ context, shared }: Visit, { id }: { id: string }): Promise<ListedConnection | undefined> {
  return shared.read(`connection of ${id}`, MAX_AGE_MS, () => findConnectionOfJob(context.database, id));
}

/** What needs a person now. */
export function readAttention(visit: Visit): Promise<Attention> {
  const { context, shared, now } = visit;
  const { database, agreement } = context;
  return shared.read('attention', MAX_AGE_MS, async () => {
    const [logins, concerned, ticks] = await Promise.all([
      connectionsWithoutLogin(database, MAX_SHOWN),
      jobsOfConcern(database, MAX_SHOWN),
      readTicks(database),
    ]);
    const jobs = new Map(
      (
        await listJobs(
          database,
          concerned.flatMap(({ first }) => first),
        )
      ).map((job) => [job.id, job]),
    );
    return {
      halted: agreement.last.kind === 'halted' ? agreement.last.error.message : undefined,
      logins,
      concerns: concerned.map(({ first, ...concern }) => ({ ...concern, first: first.flatMap((id) => jobs.get(id) ?? []) })),
      lateTick: lateTickMessage(ticks.recent, now),
      ticks,
    };
  });
}

/** How many things need a person. */
export function countAttention({ halted, logins, concerns, lateTick }: Attention): number {
  const jobs = concerns.reduce((sum, concern) => sum + concern.jobs, 0);
  return (halted ? 1 : 0) + logins.connections + jobs + (lateTick ? 1 : 0);
}
