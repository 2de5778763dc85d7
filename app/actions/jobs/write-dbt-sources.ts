import { stringify } from 'yaml';
import { tableFreshnessQuery } from '../../bigquery/sql/freshness-query.ts';
import { SYSTEM_COLUMNS } from '../../bigquery/sql/table-statements.ts';
import type { Context } from '../../context.ts';
import { toDbtTable } from '../../core/fields/dbt-sources.ts';
import { describeTable } from '../../core/fields/table-description.ts';
import { AppError } from '../../errors.ts';
import { readDescribedFields } from '../../store/jobs/described-fields.ts';
import { type ImportedTable, listImportedTables } from '../../store/jobs/imported-tables.ts';

const HEADER = `# The tables of salesforce-bigquery-sync, for dbt 1.10.5 or later. Generate it again instead of editing it: GET /v1/dbt-sources.
version: 2
`;

/**
 * The sources.yml of a dbt project: a source per dataset, with the tables that exist. The same as before unless a job or a field has changed.
 * @param dataset undefined: all
 * @throws AppError invalid_request
 */
export async function writeDbtSources(context: Context, dataset: string | undefined): Promise<string> {
  const { datasets } = context.config.bigquery;
  if (dataset !== undefined && !datasets.includes(dataset)) {
    throw new AppError('invalid_request', `dataset must be one of ${datasets.join(', ')}.`);
  }
  const sources: string[] = [];
  for (const name of dataset === undefined ? datasets : [dataset]) sources.push(...(await writeSource(context, name)));
  return `${HEADER}${sources.length > 0 ? `sources:\n${sources.join('')}` : 'sources: []\n'}`;
}

/** A source, table by table: the YAML of all takes seconds if there are hundreds. Empty if there is none. */
async function writeSource(context: Context, dataset: string): Promise<string[]> {
  const { project } = context.config.bigquery;
  const tables = await listImportedTables(context.database, dataset);
  if (tables.length === 0) return [];
  const source = { name: dataset, database: project, schema: dataset, description: 'Salesforce objects.' };
  const parts = [`${toYaml([source], 2)}    tables:\n`];
  for (const table of tables) parts.push(toYaml([await describe(context, dataset, table, tables)], 6));
  return parts;
}

async function describe(context: Context, dataset: string, table: ImportedTable, tables: readonly ImportedTable[]): Promise<object> {
  const name = { project: context.config.bigquery.project, dataset, table: table.targetTable };
  const ofOrg = tables
    .filter(({ orgId }) => orgId === table.orgId)
    .map(({ objectName, targetTable }) => [objectName, targetTable] as const);
  const described = {
    name: table.targetTable,
    description: describeTable(table),
    every: table.every,
    loadedAtQuery: tableFreshnessQuery(name),
    fields: await readDescribedFields(context.database, table.jobId),
    ownColumns: SYSTEM_COLUMNS,
  };
  return toDbtTable(described, dataset, new Map(ofOrg));
}

function toYaml(value: object, indent: number): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).replaceAll(/^(?=.)/gm, ' '.repeat(indent));
}
