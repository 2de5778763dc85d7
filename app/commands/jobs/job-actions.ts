import { CHANGEABLE_NAMES } from '../../core/jobs/job-options.ts';
import { formatInstant } from '../../core/jobs/start-date.ts';
import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { print, printJson } from '../output/print.ts';
import { findJob } from '../remote/find-job.ts';
import { type RemoteOptions, serviceCommand } from '../remote/open-service.ts';
import type { RemoteService } from '../remote/remote-service.ts';
import type { JobView, RunOfJobView } from '../remote/views.ts';

/** Options as commander reads them, by their names in camel case. */
type Options = RemoteOptions & Record<string, string | boolean | undefined>;

const RANGE = ['from', 'to', 'ids', 'id_from', 'id_to'];

export const reimport = repair('reimport', RANGE);

/** Compares rows with the table; writes nothing. */
export const compare = repair('reimport', RANGE, { compare: 'true' });

export const rebuild = repair('rebuild');
export const sweep = repair('sweep');
export const syncNow = repair('sync-now');

/** Erases a record from all tables of a job. */
export const erase = onJob(async (service, job, options) => {
  const fields = fieldsOf(options, ['record_id', 'suppress']);
  const queued = await service.request<RunOfJobView & { recoverable_until: string }>('POST', `v1/jobs/${job.id}/erase`, fields);
  const until = formatInstant(new Date(queued.recoverable_until));
  return { result: queued, text: `${describeQueued(queued)} BigQuery can restore the record until ${until}.` };
});

/** Changes options of a job. */
export const change: Command<Options> = async (input) => {
  const fields = fieldsOf(input.options, [...CHANGEABLE_NAMES, 'approve_fields']);
  if (Object.keys(fields).length === 0) {
    throw new CommandError('Name what to change, for example --every 1h. See node app/cli.ts change --help.');
  }
  return await onJob(async (service, job) => {
    const changed = await service.request<JobView & { message: string }>('PATCH', `v1/jobs/${job.id}`, fields);
    return { result: changed, text: changed.message };
  })(input);
};

export const pause = onJob(async (service, job) => ({
  result: await service.request<JobView>('POST', `v1/jobs/${job.id}/pause`),
  text: `The job for ${job.object_name} is paused. A run in progress finishes first.`,
}));

export const resume = onJob(async (service, job) => ({
  result: await service.request<JobView>('POST', `v1/jobs/${job.id}/resume`),
  text: `The job for ${job.object_name} is active. The next tick imports everything it missed.`,
}));

/** Deletes a job, and keeps or drops its table. */
export const deleteJob = onJob(async (service, job, options) => {
  const deleted = await service.request<{ message: string }>('DELETE', `v1/jobs/${job.id}`, fieldsOf(options, ['table']));
  return { result: deleted, text: `The job for ${job.object_name} is deleted. ${deleted.message}` };
});

/** What to print: what the service returned, or a text. */
interface Outcome {
  result: unknown;
  text: string;
}

/** Does something with the job that the argument names. */
function onJob(act: (service: RemoteService, job: JobView, options: Options) => Promise<Outcome>): Command<Options> {
  return serviceCommand<Options>(async (service, { args, options }) => {
    const { result, text } = await act(service, await findJob(service, args[0]!), options);
    if (options.json) printJson(result);
    else print([text]);
    return 0;
  });
}

/** Requests a repair. @param names of its fields @param more fields that the command implies */
function repair(path: string, names: readonly string[] = [], more: Record<string, string> = {}): Command<Options> {
  return onJob(async (service, job, options) => {
    const queued = await service.request<RunOfJobView>('POST', `v1/jobs/${job.id}/${path}`, { ...fieldsOf(options, names), ...more });
    return { result: queued, text: describeQueued(queued) };
  });
}

/** The options with these names, as fields of a request. */
function fieldsOf(options: Options, names: readonly string[]): Record<string, string> {
  const given = names.map((name) => [name, options[name.replaceAll(/_[a-z]/g, ([, letter]) => letter!.toUpperCase())]] as const);
  return Object.fromEntries(given.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}

function describeQueued({ id, object_name, from, to, ids }: RunOfJobView): string {
  const which = ids === undefined ? `${from} to ${to}` : `${ids} Ids`;
  return `Run ${id} of ${object_name} (${which}) is queued. To follow it: node app/cli.ts watch, or run ${id}.`;
}
