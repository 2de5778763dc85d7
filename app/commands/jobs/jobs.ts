import { shownKind } from '../../core/runs/shown-kind.ts';
import { print, printJson } from '../output/print.ts';
import { terminalTable } from '../output/terminal-table.ts';
import { type RemoteOptions, serviceCommand } from '../remote/open-service.ts';
import type { JobView } from '../remote/views.ts';
import { describeState } from '../runs/describe-state.ts';

interface Options extends RemoteOptions {
  state?: string;
  object?: string;
  connection?: string;
  dataset?: string;
}

/** Lists the jobs that match the options. */
export const jobs = serviceCommand<Options>(async (service, { options }) => {
  const { state, object, connection, dataset } = options;
  const found = await service.list<JobView>('jobs', 'jobs', { state, object_name: object, connection, dataset });
  if (options.json) printJson({ jobs: found });
  else
    print(
      describeJobs(
        found,
        [state, object, connection, dataset].some((filter) => filter !== undefined),
      ),
    );
  return 0;
});

const COLUMNS = ['object', 'state', 'start_date', 'last_date', 'every', 'deletes', 'repair', 'table', 'id'];

/** A table that fits the terminal. */
function describeJobs(found: readonly JobView[], isFiltered: boolean): string[] {
  if (found.length === 0) return [isFiltered ? 'No job matches.' : 'There are no jobs. Create one with create_importing_job.'];
  return terminalTable(
    COLUMNS.map((name) => ({ name, numeric: false })),
    found.map(toRow),
  );
}

function toRow(job: JobView): string[] {
  return [
    job.object_name,
    describeState(job.state, job.run),
    job.start_date,
    job.last_date,
    job.every,
    job.deletes,
    job.repair ? `${shownKind(job.repair.kind, job.repair)} ${describeState(job.repair.state, job.repair)}` : '',
    job.table,
    job.id,
  ];
}
