import { isRunId } from '../../core/runs/run-id.ts';
import { CommandError } from '../command-error.ts';
import { print, printJson } from '../output/print.ts';
import { serviceCommand } from '../remote/open-service.ts';
import type { DetailedRunView, RunOfJobView } from '../remote/views.ts';
import { showRun } from './show-run.ts';

/** Shows a run with its progress or receipt. */
export const run = serviceCommand(async (service, { args, options }) => {
  const found = await service.get<DetailedRunView>(`v1/runs/${requireRunId(args)}`);
  if (options.json) printJson(found);
  else print(showRun(found));
  return 0;
});

/** Ends an open run. */
export const cancel = actionOnRun('cancel', 'is cancelled');

/** Makes a run due now. */
export const retry = actionOnRun('retry', 'is due now');

/** Accepts the verdict with which a run failed. */
export const accept = actionOnRun('accept', 'is due now, and may pass the verdict');

/** Does something with a run, and prints what in a sentence. */
function actionOnRun(action: string, done: string) {
  return serviceCommand(async (service, { args, options }) => {
    const changed = await service.request<RunOfJobView>('POST', `v1/runs/${requireRunId(args)}/${action}`);
    const { id, object_name, from, to } = changed;
    if (options.json) printJson(changed);
    else print([`Run ${id} of ${object_name} (${from} to ${to}) ${done}.`]);
    return 0;
  });
}

function requireRunId([id = '']: readonly string[]): string {
  if (isRunId(id)) return id;
  throw new CommandError('The run id must be a UUID. Take it from the commands runs or watch.');
}
