import { requireConnection } from '../../actions/connections/require-connection.ts';
import { NOT_READABLE, type SuggestedField, suggestFieldPolicy } from '../../actions/jobs/suggest-field-policy.ts';
import { createContext } from '../../context.ts';
import { createEvents } from '../../events.ts';
import { createLog } from '../../log.ts';
import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { compareStore } from '../compare-store.ts';
import { terminalTable } from '../output/terminal-table.ts';
import { readServiceConfig, type ServiceOptions } from '../read-service-config.ts';

/** Lists the fields of an object that Salesforce classifies as sensitive, and the options of a job that excludes or hashes them. */
export const suggestFieldPolicyCommand: Command<ServiceOptions> = async ({ args, options, env }) => {
  const [name, objectName] = args as [string, string];
  const { config } = await readServiceConfig(options, env);
  const context = createContext(config, createEvents(createLog(process.stderr)));
  try {
    await compareStore(context);
    const connection = await requireConnection(context, name, 'The connection');
    const { objectName: found, fields } = await suggestFieldPolicy(context, connection, objectName);
    if (!fields) throw new CommandError(NOT_READABLE);
    for (const line of describe(found, fields)) console.log(line);
    return 0;
  } finally {
    await context.close();
  }
};

function describe(objectName: string, fields: readonly SuggestedField[]): string[] {
  if (fields.length === 0) return [`No field of ${objectName} that the connection's user sees is classified as sensitive.`];
  const list = (suggestion: string): string => fields.flatMap((each) => (each.suggestion === suggestion ? each.field : [])).join(',');
  const names = ['field', 'label', 'security', 'compliance', 'suggestion'];
  return [
    ...terminalTable(
      names.map((name) => ({ name, numeric: false })),
      fields.map(({ field, label, security, compliance, suggestion }) => [field, label, security ?? '', compliance.join(' '), suggestion]),
    ),
    '',
    `exclude_fields=${list('exclude')}`,
    `hash_fields=${list('hash')}`,
  ];
}
