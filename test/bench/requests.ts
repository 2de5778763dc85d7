import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from './percentile.ts';
import { type JobView, WholeService } from './whole-service.ts';

/** How fast the service answers while it syncs. */
export interface RequestFigures {
  requestsP50Ms: number;
  requestsP99Ms: number;
  requestsSent: number;
}

/** Large enough that their first imports last longer than the requests. */
const OBJECTS = { Account: 400_000, Contact: 400_000, Lead: 400_000, Opportunity: 400_000 };

const PER_SECOND = 200;
const SECONDS = 20;

/** Before them: a service that has just started compiles what serves the requests. */
const WARM_SECONDS = 2;

/** Before the org becomes active. */
const NOW = '2023-02-28T12:00:00Z';

/** Reads of the API, and one write that changes nothing, at a steady rate while four runs import. @throws Error if a response is an error, or if a run ends too early */
export async function measureRequests(): Promise<RequestFigures> {
  await using service = await WholeService.start(
    { now: NOW, size: 100, rows: OBJECTS },
    // The emulators' clock would be read over HTTP by requests that need the date; production has the machine's.
    { settings: { RUNS_PER_CONNECTION: '4' }, emulatorNiceness: 10, clock: false },
  );
  const userId = await service.connect();
  const fields = Object.keys(OBJECTS).map((object_name) => ({ user_id: userId, object_name, start_date: 'all' }));
  for (const each of fields) await service.call('create_importing_job', each);
  await service.tick();
  const jobs = await allRunning(service);
  const paths = jobs.flatMap(({ id, run }) => [
    'jobs',
    `v1/jobs/${id}/runs`,
    `v1/runs/${run!.id}`,
    'v1/connections',
    'v1/audit',
    `create_importing_job?${new URLSearchParams(fields[0])}`,
  ]);
  await sendSteadily(service.url, paths, WARM_SECONDS);
  const times = await sendSteadily(service.url, paths, SECONDS);
  await allRunning(service);
  return { requestsP50Ms: percentile(times, 0.5), requestsP99Ms: percentile(times, 0.99), requestsSent: times.length };
}

/** Waits until each job has a running run. */
async function allRunning(service: WholeService): Promise<JobView[]> {
  for (;;) {
    const jobs = await service.jobs();
    if (jobs.some(({ run }) => run?.state === 'succeeded')) throw new Error('A run ended before the requests did. Import more rows.');
    if (jobs.every(({ run }) => run?.state === 'running')) return jobs;
    await sleep(50);
  }
}

/** Sends each request at its time, whether or not earlier ones were answered. @returns milliseconds from that time to the end of the response */
async function sendSteadily(url: string, paths: readonly string[], seconds: number): Promise<number[]> {
  const start = performance.now();
  const requests = Array.from({ length: PER_SECOND * seconds }, async (_, number) => {
    const due = start + (number * 1000) / PER_SECOND;
    await sleep(Math.max(0, due - performance.now()));
    const response = await fetch(`${url}/${paths[number % paths.length]}`);
    await response.arrayBuffer();
    if (response.status !== 200) throw new Error(`${paths[number % paths.length]} returned ${response.status}.`);
    return performance.now() - due;
  });
  return await Promise.all(requests);
}
