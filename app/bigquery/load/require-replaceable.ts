import { AppError } from '../../errors.ts';
import { httpStatus } from '../errors.ts';
import type { Table } from '../resources.ts';
import type { TableName } from '../sql/quote.ts';
import { formatTableName } from '../tables/table.ts';
import type { TargetIdentity } from '../tables/tables.ts';
import type { Warehouse } from '../warehouse.ts';

/**
 * Checks that the rows of a target table can be replaced: a replacement keeps the table's partitioning, and needs to see all its rows.
 * @param partitionField the job's tables are partitioned by the month of this field; undefined: not partitioned
 * @throws AppError bigquery_refused, with what to do
 */
export async function requireReplaceable(
  warehouse: Warehouse,
  { name, jobId }: TargetIdentity,
  table: Table,
  partitionField: string | undefined,
): Promise<void> {
  if (!isPartitionedBy(table, partitionField)) {
    const wanted = partitionField ? `partitioned by month of ${partitionField}` : 'not partitioned';
    throw refusal(
      name,
      `its partitioning was changed: the job's table is ${wanted}, and BigQuery cannot change that in place. Rename or move the table, then call POST /v1/jobs/${jobId}/rebuild, which creates it again`,
    );
  }
  const filters = await rowFilters(warehouse, name);
  if (filters.length === 0 || filters.some((filter) => IS_TRUE.test(filter))) return;
  throw refusal(name, `none of its row access policies has the filter TRUE. ${GRANT}`);
}

/**
 * Checks that a query sees all rows of a table: row access policies hide rows without an error.
 * @param seen the rows that a query counted
 * @throws AppError bigquery_refused
 */
export function requireAllRows(name: TableName, { numRows }: Table, seen: number): void {
  if (seen >= Number(numRows ?? 0)) return;
  throw refusal(name, `its row access policies hide rows from the service. ${GRANT}`);
}

const GRANT =
  "BigQuery replaces only rows that the service can see: create a row access policy with the filter TRUE for the service's Google account, then try again";

/** The filter of a row access policy that hides nothing. */
const IS_TRUE = /^\s*\(*\s*true\s*\)*\s*$/i;

function refusal(name: TableName, why: string): AppError {
  return new AppError('bigquery_refused', `The rows of ${formatTableName(name)} cannot be replaced: ${why}.`);
}

function isPartitionedBy({ timePartitioning, rangePartitioning }: Table, field: string | undefined): boolean {
  if (rangePartitioning) return false;
  if (field === undefined) return !timePartitioning;
  return timePartitioning?.type === 'MONTH' && timePartitioning.field === field;
}

/** The filters of a table's row access policies; empty if the service may not list them. @throws AppError */
async function rowFilters(warehouse: Warehouse, name: TableName): Promise<string[]> {
  const filters: string[] = [];
  for (let pageToken: string | undefined; ; ) {
    const page = await listPolicies(warehouse, name, pageToken);
    filters.push(...(page.rowAccessPolicies ?? []).map(({ filterPredicate = '' }) => filterPredicate));
    pageToken = page.nextPageToken;
    if (!pageToken) return filters;
  }
}

/** BigQuery's response to rowAccessPolicies.list. */
interface PolicyPage {
  rowAccessPolicies?: { filterPredicate?: string }[];
  nextPageToken?: string;
}

async function listPolicies(
  warehouse: Warehouse,
  { project, dataset, table }: TableName,
  pageToken: string | undefined,
): Promise<PolicyPage> {
  return await warehouse.call(`list the row access policies of ${dataset}.${table}`, async (client) => {
    try {
      const of = client.dataset(dataset, { projectId: project }).table(table);
      const [body] = await of.request({ uri: '/rowAccessPolicies', qs: { pageToken } });
      return body as PolicyPage;
    } catch (error) {
      // BigQuery Data Editor does not include the permission to list them; the replacement itself still fails if rows are hidden.
      if (httpStatus(error) === 403) return {};
      throw error;
    }
  });
}
