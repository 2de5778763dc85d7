import { OPTION_NAMES } from '../../core/jobs/job-options.ts';
import { print, printJson } from '../output/print.ts';
import { terminalTable } from '../output/terminal-table.ts';
import { type RemoteOptions, serviceCommand } from '../remote/open-service.ts';
import type { PreviewView } from '../remote/views.ts';

/** Options as commander reads them, by their names in camel case. */
type Options = RemoteOptions & Record<string, string | boolean | undefined>;

type Planned = NonNullable<PreviewView['job']>;

/** Shows what the creation of a job would do and cost. The exit code is 1 if it would be refused. */
export const preview = serviceCommand<Options>(async (service, { args, options }) => {
  const [connection, object_name] = args as [string, string];
  const given = OPTION_NAMES.map((name) => [name, options[name.replaceAll(/_[a-z]/g, ([, letter]) => letter!.toUpperCase())]] as const);
  const wanted = Object.fromEntries(given.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
  const found = await service.request<PreviewView>('POST', 'v1/jobs/preview', { user_id: connection, object_name, ...wanted });
  if (options.json) printJson(found);
  else print(describePreview(found));
  return found.outcome === 'refused' ? 1 : 0;
});

function describePreview({ object_name, outcome, job_id, refusals, warnings, job }: PreviewView): string[] {
  return [
    ...(job ? [...describeFields(job), '', ...describeCosts(job), ''] : []),
    ...warnings.map((warning) => `Warning: ${warning}`),
    ...refusals.map(({ code, message }) => `Refused: ${message} (${code})`),
    ...describeOutcome(object_name, outcome, job_id),
  ];
}

function describeOutcome(objectName: string, outcome: PreviewView['outcome'], jobId: string | null): string[] {
  switch (outcome) {
    case 'create':
      return [`A job for ${objectName} can be created. Nothing was written.`];
    case 'exists':
      return [`The job for ${objectName} exists already: ${jobId}.`];
    case 'take_over':
      return [`The job ${jobId} of another user would be taken over. Nothing was written.`];
    case 'refused':
      return [];
  }
}

function describeFields({ fields }: Planned): string[] {
  const names = ['field', 'label', 'type', 'column', 'in BigQuery', 'treatment', 'reason'];
  return terminalTable(
    names.map((name) => ({ name, numeric: false })),
    fields.map(({ name, label, type, column, column_type, treatment, reason }) => [
      name,
      label,
      type,
      column ?? '',
      column_type ?? '',
      treatment,
      reason ?? '',
    ]),
  );
}

function describeCosts(job: Planned): string[] {
  const { first_import: first, per_day: daily, calls, every, mode, cursor_field, table, rows } = job;
  const lines = {
    table: `${table}${job.partitioned ? ', partitioned by month' : ''}`,
    mode: cursor_field === null ? mode : `${mode}, by ${cursor_field}`,
    rows: rows === null ? 'unknown' : `about ${number(rows)}`,
    'first import': first
      ? `${first.api === 'bulk' ? 'Bulk' : 'REST'} (${first.reason}), ${number(first.slices)} ${first.slices === 1 ? 'slice' : 'slices'}, about ${number(first.salesforce_calls)} Salesforce calls${share(first.share_of_allowed)}, ${gigabytes(first.bytes_billed)} billed, ${price(first.dollars)}`
      : 'unknown',
    [`per day (every=${every})`]: `up to ${number(daily.salesforce_calls)} Salesforce calls${share(daily.share_of_allowed)}, ${gigabytes(daily.bytes_billed)} billed, ${price(daily.dollars)}; ${gigabytes(daily.bytes_per_merge)} a window`,
    'calls in 24 hours': describeCalls(calls),
  };
  return Object.entries(lines).map(([name, value]) => `${name}: ${value}`);
}

function describeCalls({ org_limit, org_used, allowed, own, other_jobs_per_day }: Planned['calls']): string {
  const known =
    org_limit === null ? 'the limit of the org is unknown yet' : `${number(org_used ?? 0)} of ${number(org_limit)} by all clients`;
  const ours = `${number(own)} by this service${allowed === null ? '' : `, which may make ${number(allowed)}`}`;
  return `${known}; ${ours}; other jobs need about ${number(other_jobs_per_day)} a day`;
}

function share(part: number | null): string {
  return part === null ? '' : ` (${(part * 100).toFixed(2)}% of what the service may make a day)`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

function price(dollars: number): string {
  return `$${dollars.toFixed(dollars === 0 ? 0 : dollars < 0.01 ? 5 : 2)}`;
}

function number(count: number): string {
  return count.toLocaleString('en');
}
