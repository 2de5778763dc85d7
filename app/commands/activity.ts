import { formatChangeDetails } from '../core/change-details.ts';
import { formatInstant } from '../core/jobs/start-date.ts';
import { print, printJson } from './output/print.ts';
import { terminalTable } from './output/terminal-table.ts';
import { type RemoteOptions, serviceCommand } from './remote/open-service.ts';
import type { ChangeView } from './remote/views.ts';

interface Options extends RemoteOptions {
  limit?: string;
  after?: string;
}

interface ChangePage {
  changes: ChangeView[];
  next: string | null;
}

const COLUMNS = ['when', 'who', 'what', 'object', 'details', 'run'].map((name) => ({ name, numeric: false }));

/** Lists a page of what callers have changed, the latest first. */
export const activity = serviceCommand<Options>(async (service, { options: { json, limit, after } }) => {
  const page = await service.get<ChangePage>('v1/audit', { limit, after });
  if (json) printJson(page);
  else print(describeChanges(page, after !== undefined));
  return 0;
});

function describeChanges({ changes, next }: ChangePage, isContinued: boolean): string[] {
  if (changes.length === 0) return [isContinued ? 'There are no earlier changes.' : 'Nothing has been changed yet.'];
  return [...terminalTable(COLUMNS, changes.map(toRow)), ...(next === null ? [] : [`Earlier changes: add --after ${next}`])];
}

function toRow({ at, by, action, object_name, connection_id, details, run_id }: ChangeView): string[] {
  const subject = object_name ?? (connection_id === null ? '' : `connection ${connection_id}`);
  return [formatInstant(new Date(at)), by, action.replaceAll('_', ' '), subject, formatChangeDetails(details), run_id ?? ''];
}
