import { formatInstant } from '../../core/jobs/start-date.ts';
import { rowsWritten } from '../../core/runs/rows-written.ts';
import { shownKind } from '../../core/runs/shown-kind.ts';
import { print, printJson } from '../output/print.ts';
import { terminalTable } from '../output/terminal-table.ts';
import { findJob } from '../remote/find-job.ts';
import { type RemoteOptions, serviceCommand } from '../remote/open-service.ts';
import type { RunOfJobView } from '../remote/views.ts';
import { describeState } from './describe-state.ts';

interface Options extends RemoteOptions {
  job?: string;
  connection?: string;
  state?: string;
  kind?: string;
  since?: string;
  until?: string;
  limit?: string;
  after?: string;
}

interface RunPage {
  runs: RunOfJobView[];
  next: string | null;
}

/** Lists a page of the runs that match the options, the latest first. */
export const runs = serviceCommand<Options>(async (service, { options }) => {
  const { job, json, connection, state, kind, since, until, limit, after } = options;
  const job_id = job === undefined ? undefined : (await findJob(service, job)).id;
  const page = await service.get<RunPage>('v1/runs', { job_id, connection, state, kind, since, until, limit, after });
  if (json) printJson(page);
  else print(describeRuns(page, after !== undefined));
  return 0;
});

const COLUMNS = [
  ...['object', 'kind', 'from', 'to', 'state', 'result'].map((name) => ({ name, numeric: false })),
  ...['written', 'inserted', 'updated', 'deleted'].map((name) => ({ name, numeric: true })),
  ...['finished', 'id'].map((name) => ({ name, numeric: false })),
];

/** A table that fits the terminal. */
function describeRuns({ runs: found, next }: RunPage, isContinued: boolean): string[] {
  if (found.length === 0) return [isContinued ? 'There are no earlier runs.' : 'There are no such runs.'];
  return [...terminalTable(COLUMNS, found.map(toRow)), ...(next === null ? [] : [`Earlier runs: add --after ${next}`])];
}

function toRow(run: RunOfJobView): string[] {
  const { receipt } = run;
  return [
    run.object_name,
    shownKind(run.kind, run),
    run.from,
    run.to,
    describeState(run.state, run),
    // The state of a deferred run contains the code.
    receipt?.verdict ?? (run.deferred_until ? '' : (run.error?.code ?? '')),
    ...[receipt ? rowsWritten(receipt) : undefined, receipt?.inserted, receipt?.updated, receipt?.deleted].map(
      (rows) => rows?.toLocaleString('en') ?? '',
    ),
    run.finished_at ? formatInstant(new Date(run.finished_at)) : '',
    run.id,
  ];
}
