import { print, printJson } from '../output/print.ts';
import { terminalTable } from '../output/terminal-table.ts';
import { serviceCommand } from '../remote/open-service.ts';
import type { SuggestionView } from '../remote/views.ts';

/** Lists the fields of an object that Salesforce classifies as sensitive, and the options of a job that excludes or hashes them. */
export const suggestFieldPolicy = serviceCommand(async (service, { args, options }) => {
  const [connection, object_name] = args as [string, string];
  const found = await service.get<SuggestionView>(`v1/connections/${encodeURIComponent(connection)}/suggest-field-policy`, { object_name });
  if (options.json) printJson(found);
  else if (found.readable) print(describe(found));
  else console.error(found.message);
  return found.readable ? 0 : 1;
});

const COLUMNS = ['field', 'label', 'security', 'compliance', 'suggestion'];

function describe({ object_name, fields, exclude_fields, hash_fields }: SuggestionView): string[] {
  if (fields.length === 0) return [`No field of ${object_name} that the connection's user sees is classified as sensitive.`];
  return [
    ...terminalTable(
      COLUMNS.map((name) => ({ name, numeric: false })),
      fields.map(toRow),
    ),
    '',
    `exclude_fields=${exclude_fields.join(',')}`,
    `hash_fields=${hash_fields.join(',')}`,
  ];
}

function toRow({ name, label, security_classification, compliance_groups, suggestion }: SuggestionView['fields'][number]): string[] {
  return [name, label, security_classification ?? '', compliance_groups.join(' '), suggestion];
}
