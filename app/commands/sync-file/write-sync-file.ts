import { stringify } from 'yaml';
import { DEFAULT_OPTIONS, isSameOption, type JobOptions, type OptionValue, optionsJson, optionText } from '../../core/jobs/job-options.ts';
import type { RemoteConnection, ServiceJob, ServiceState } from './service-state.ts';

type Options = Record<string, OptionValue>;

/** A file, in YAML, that describes the jobs of a service as they are: `apply` finds nothing to change. */
export function writeSyncFile(state: ServiceState): string {
  return `# The jobs of the service. Check what a change would do with apply --dry-run.\n${stringify(toSyncFile(state), { lineWidth: 140 })}`;
}

/** The same as an object. */
export function toSyncFile({ connections, jobs }: ServiceState): object {
  const described = jobs.map((job) => ({ job, options: optionsOf(job) }));
  const defaults = commonOptions(described.map(({ options }) => options));
  const withJobs = connections.flatMap((connection) => {
    const own = described.filter(({ job }) => job.userId === connection.user_id);
    const sorted = own.toSorted((left, right) => (left.job.objectName < right.job.objectName ? -1 : 1));
    const entries = Object.fromEntries(sorted.map(({ job, options }) => [job.objectName, describe(job, options, defaults)]));
    return own.length > 0 ? [[nameOf(connection), { jobs: entries }] as const] : [];
  });
  return { ...(Object.keys(defaults).length > 0 && { defaults }), connections: Object.fromEntries(withJobs) };
}

function nameOf({ alias, user_id }: RemoteConnection): string {
  return alias ?? user_id;
}

/** What a creation must specify to get the same job. Whether rows are edited follows from the object, unless it has no usable cursor. */
function optionsOf({ options, mode }: ServiceJob): Options {
  const { append_only: appendOnly, ...others } = optionsJson(options);
  return { ...others, ...(appendOnly !== undefined && (appendOnly || mode === 'whole') && { append_only: appendOnly }) };
}

/** For each option but lists, the value that most jobs have, unless that is the default of every job. */
function commonOptions(all: readonly Options[]): Options {
  const usual = optionsJson(DEFAULT_OPTIONS as Partial<JobOptions>);
  const names = [...new Set(all.flatMap((options) => Object.keys(options)))].filter((name) => all.every((options) => name in options));
  return Object.fromEntries(
    names.flatMap((name) => {
      const [most] = [...Map.groupBy(all, (options) => optionText(options[name]!)).values()].sort(
        (left, right) => right.length - left.length,
      );
      const value = most![0]![name]!;
      return typeof value === 'object' || isSameOption(value, usual[name]) ? [] : [[name, value]];
    }),
  );
}

/** What a job has and does not get from the defaults of the file or of the service. */
function describe({ active }: ServiceJob, options: Options, defaults: Options): object {
  const usual = { ...optionsJson(DEFAULT_OPTIONS as Partial<JobOptions>), ...defaults };
  const own = Object.entries(options).filter(([name, value]) => !isSameOption(value, usual[name]));
  return { ...Object.fromEntries(own), ...(!active && { paused: true }) };
}
