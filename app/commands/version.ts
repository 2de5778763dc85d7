import { formatInstant } from '../core/jobs/start-date.ts';
import { print, printJson } from './output/print.ts';
import { terminalTable } from './output/terminal-table.ts';
import { serviceCommand } from './remote/open-service.ts';
import type { VersionView } from './remote/views.ts';

const COLUMNS = ['host', 'version', 'state', 'started', 'last heartbeat'].map((name) => ({ name, numeric: false }));

/** Shows which releases of a service run. */
export const version = serviceCommand(async (service, { options }) => {
  const found = await service.get<VersionView>('v1/version');
  if (options.json) printJson(found);
  else print(describeVersion(found));
  return 0;
});

function describeVersion(found: VersionView): string[] {
  const rows = found.processes.map(({ host, version: release, alive, started_at, heartbeat_at }) => [
    host,
    release,
    alive ? 'alive' : 'lost',
    formatInstant(new Date(started_at)),
    formatInstant(new Date(heartbeat_at)),
  ]);
  return [`version ${found.version}`, ...(rows.length > 0 ? ['', ...terminalTable(COLUMNS, rows)] : [])];
}
