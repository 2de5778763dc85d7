import { print, printJson } from '../output/print.ts';
import { terminalTable } from '../output/terminal-table.ts';
import { type RemoteOptions, serviceCommand } from '../remote/open-service.ts';
import type { DescribedObjectView, ObjectView } from '../remote/views.ts';

/** Lists the objects of a connection's org, or describes one. */
export const objects = serviceCommand<RemoteOptions>(async (service, { args, options: { json } }) => {
  const [connection, name] = args as [string, string?];
  const path = `v1/connections/${encodeURIComponent(connection)}/objects`;
  if (name === undefined) {
    const found = await service.get<{ objects: ObjectView[] }>(path);
    if (json) printJson(found);
    else print(describeObjects(found.objects));
  } else {
    const found = await service.get<DescribedObjectView>(`${path}/${encodeURIComponent(name)}`);
    if (json) printJson(found);
    else print(describeObject(found));
  }
  return 0;
});

const COLUMNS = [
  { name: 'object', numeric: false },
  { name: 'label', numeric: false },
  { name: 'rows', numeric: true },
  { name: 'API', numeric: false },
  { name: 'job', numeric: false },
  { name: 'cannot be imported because', numeric: false },
];

function describeObjects(found: readonly ObjectView[]): string[] {
  return terminalTable(
    COLUMNS,
    found.map(({ name, label, rows, api, job_id, reason }) => [
      name,
      label,
      rows?.toLocaleString('en') ?? '',
      api ?? '',
      job_id ?? '',
      reason ?? '',
    ]),
  );
}

function describeObject(found: DescribedObjectView): string[] {
  const { name, label, rows, reason, api, api_reason, job_id, mode, cursor_field, fields, formulas, skipped_fields } = found;
  const skipped = skipped_fields.map((field) => [field.name, field.type, field.reason]);
  return [
    `object    ${name} (${label})`,
    ...(reason === null ? [] : [`refused   ${reason}`]),
    `rows      ${rows === null ? 'unknown' : `about ${rows.toLocaleString('en')}`}`,
    ...(api === null ? [] : [`API       ${api}: ${api_reason}`]),
    `mode      ${mode}${cursor_field === null ? '' : `, by ${cursor_field}`}`,
    `fields    ${fields}, of which Salesforce calculates ${formulas ?? 0}, and ${skipped.length} cannot be read`,
    `job       ${job_id ?? 'none'}`,
    ...(skipped.length === 0
      ? []
      : [
          '',
          ...terminalTable(
            ['skipped field', 'type', 'reason'].map((column) => ({ name: column, numeric: false })),
            skipped,
          ),
        ]),
  ];
}
