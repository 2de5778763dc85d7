import { readQueue } from '../../store/gauges.ts';
import { listProcesses, type Process } from '../../store/processes.ts';
import { listLeases, type RunLease } from '../../store/runs/run-leases.ts';
import { count, formatNumber, relative } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { repeat } from '../live/live.ts';
import { live } from '../parts/live.ts';
import { pill } from '../parts/pill.ts';
import type { Page, Route, Visit } from '../route.ts';

/** The processes of the service, what they work on, and what waits. */
export const workers: readonly Route[] = [
  { method: 'GET', path: '/workers', handle: page },
  { method: 'GET', path: '/workers/live', handle: async (visit) => ({ pieces: pieces(visit) }) },
];

const RENEW_MS = 5_000;

const MAX_LEASES = 100;

interface Work {
  processes: Process[];
  leases: RunLease[];
  queue: Awaited<ReturnType<typeof readQueue>>;
}

function read({ context, shared }: Visit): Promise<Work> {
  const { database } = context;
  return shared.read('workers', RENEW_MS - 500, async () => {
    const [processes, leases, queue] = await Promise.all([listProcesses(database), listLeases(database, MAX_LEASES), readQueue(database)]);
    return { processes, leases, queue };
  });
}

async function page(visit: Visit): Promise<Page> {
  return { title: 'Workers', body: live(visit, '/workers/live', content(visit, await read(visit))) };
}

async function* pieces(visit: Visit): AsyncGenerator<Markup> {
  yield* repeat(async () => ({ piece: content({ ...visit, now: new Date() }, await read(visit)), pauseMs: RENEW_MS }), visit.closed);
}

function content({ context, now }: Visit, { processes, leases, queue }: Work): Markup {
  const runs = (state: 'running' | 'due' | 'waiting'): number =>
    queue.reduce((sum, entry) => sum + (entry.state === state ? Number(entry.runs) : 0), 0);
  const alive = processes.filter(({ isAlive }) => isAlive);
  const slots = alive.length * context.config.workers;
  return html`<div>
    <dl class="facts card">
      <div><dt>Processes</dt><dd>${alive.length}</dd><dd>${count(slots, 'run')} at a time, by this one’s WORKERS</dd></div>
      <div><dt>In progress</dt><dd>${formatNumber(runs('running'))}</dd><dd>with a lease</dd></div>
      <div><dt>Due</dt><dd>${formatNumber(runs('due'))}</dd><dd>wait for a worker</dd></div>
      <div><dt>Waiting</dt><dd>${formatNumber(runs('waiting'))}</dd><dd>for their next try, quota or a login</dd></div>
    </dl>
    <h2>Processes</h2>
    <section class="card scroll" tabindex="0">${processes.length > 0 ? processTable(processes, now) : html`<p class="empty">No process has reported itself yet.</p>`}</section>
    <h2>Runs in progress</h2>
    <section class="card scroll" tabindex="0">${leases.length > 0 ? leaseTable(leases, now) : html`<p class="empty">No run is in progress.</p>`}</section>
  </div>`;
}

function processTable(processes: readonly Process[], now: Date): Markup {
  return html`<table>
    <thead><tr><th>Host</th><th>State</th><th>Version</th><th>Started</th><th class="num">Heartbeat</th></tr></thead>
    <tbody>${processes.map((found) => {
      const { host, version, startedAt, heartbeatAt, isAlive } = found;
      return html`<tr>
        <td class="mono">${host}</td>
        <td>${isAlive ? pill('good', 'alive') : pill('bad', 'lost')}</td>
        <td>${version}</td>
        <td>${relative(startedAt, now)}</td>
        <td class="num">${relative(heartbeatAt, now)}</td>
      </tr>`;
    })}</tbody>
  </table>`;
}

function leaseTable(leases: readonly RunLease[], now: Date): Markup {
  return html`<table>
    <thead><tr><th>Run</th><th class="num">Attempt</th><th>Started</th><th>Lease</th></tr></thead>
    <tbody>${leases.map(
      ({ runId, jobId, objectName, kind, attempt, startedAt, leaseUntil }) => html`<tr>
        <td><a href=${`/console/jobs/${jobId}`}>${objectName}</a>: <a href=${`/console/runs/${runId}`}>${kind}</a></td>
        <td class="num">${attempt}</td>
        <td>${startedAt ? relative(startedAt, now) : '–'}</td>
        <td>${leaseUntil > now ? html`<span>ends ${relative(leaseUntil, now)}</span>` : html`<span>${pill('warn', 'lost')} ${relative(leaseUntil, now)}</span>`}</td>
      </tr>`,
    )}</tbody>
  </table>`;
}
