import type { Service } from '../service.ts';
import { isGranted, type RowAccessPolicy } from '../storage/row-access.ts';
import type { TableEntry } from '../storage/table.ts';
import { ApiError } from './api-error.ts';
import { type Exchange, jsonBody, type Router } from './http.ts';
import { page, requireProject } from './resource.ts';

const VIEWER = 'roles/bigquery.filteredDataViewer';
/** What that role permits. */
const READ_FILTERED = 'bigquery.rowAccessPolicies.getFilteredData';

/** rowAccessPolicies.list, get, getIamPolicy and testIamPermissions. Statements create and drop policies. */
export function addRowAccessRoutes(router: Router, service: Service): void {
  const all = '/bigquery/v2/projects/:projectId/datasets/:datasetId/tables/:tableId/rowAccessPolicies';
  router.on('GET', all, (exchange) => {
    const entry = entryOf(service, exchange);
    const { pageSize, pageToken } = Object.fromEntries(exchange.query);
    const query = new URLSearchParams({ ...(pageSize ? { maxResults: pageSize } : {}), ...(pageToken ? { pageToken } : {}) });
    const { items, nextPageToken } = page(entry.policies ?? [], query);
    return { ...(items.length > 0 ? { rowAccessPolicies: items.map((policy) => resourceOf(entry, policy)) } : {}), ...nextPageToken };
  });
  router.on('GET', `${all}/:policyId`, (exchange) => {
    const entry = entryOf(service, exchange);
    return resourceOf(entry, policyOf(entry, exchange.parameters.policyId!));
  });
  router.on('POST', `${all}/:policyId`, async (exchange) => {
    const [policyId, method] = exchange.parameters.policyId!.split(':') as [string, string | undefined];
    const policy = policyOf(entryOf(service, exchange), policyId);
    if (method === 'getIamPolicy') return { version: 1, etag: etagOf(policy), bindings: [{ role: VIEWER, members: policy.grantees }] };
    if (method !== 'testIamPermissions')
      throw new ApiError('notFound', `The local BigQuery has no method ${method} of a row access policy`);
    const { permissions } = (await jsonBody(exchange.request)) as { permissions?: string[] };
    const granted = (permissions ?? []).filter((permission) => permission !== READ_FILTERED || isGranted(policy));
    return granted.length > 0 ? { permissions: granted } : {};
  });
}

function entryOf(service: Service, { parameters }: Exchange): TableEntry {
  requireProject(service, parameters);
  return service.catalog.table({ datasetId: parameters.datasetId!, tableId: parameters.tableId! });
}

function policyOf(entry: TableEntry, policyId: string): RowAccessPolicy {
  const found = entry.policies?.find((policy) => policy.policyId === policyId);
  if (!found) throw new ApiError('notFound', `Not found: Row access policy ${policyId} on table ${entry.key}`);
  return found;
}

/** As the API shows it: without the grantees, which only its IAM policy lists. */
function resourceOf({ resource }: TableEntry, policy: RowAccessPolicy): object {
  return {
    etag: etagOf(policy),
    rowAccessPolicyReference: { ...resource.tableReference, policyId: policy.policyId },
    filterPredicate: policy.filterPredicate,
    creationTime: new Date(policy.creationTime).toISOString(),
    lastModifiedTime: new Date(policy.lastModifiedTime).toISOString(),
  };
}

const etagOf = (policy: RowAccessPolicy) => Buffer.from(`${policy.policyId} ${policy.lastModifiedTime}`).toString('base64url');
