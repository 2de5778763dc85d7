import type { Service } from '../service.ts';
import type { DatasetResource } from '../storage/catalog.ts';
import { ApiError } from './api-error.ts';
import { type Handler, jsonBody, type Router } from './http.ts';
import { checkPrecondition, merge, page, pickPatch, pickValues, requireProject } from './resource.ts';

const PATCHABLE = ['friendlyName', 'description', 'labels', 'defaultTableExpirationMs', 'defaultPartitionExpirationMs', 'access'];

/** datasets.insert, get, list, patch, update, delete. */
export function addDatasetRoutes(router: Router, service: Service): void {
  const all = '/bigquery/v2/projects/:projectId/datasets';
  router.on('POST', all, insertDataset(service));
  router.on('GET', all, listDatasets(service));
  router.on('GET', `${all}/:datasetId`, ({ parameters }) => {
    requireProject(service, parameters);
    return service.catalog.dataset(parameters.datasetId!);
  });
  router.on('PATCH', `${all}/:datasetId`, changeDataset(service));
  router.on('DELETE', `${all}/:datasetId`, deleteDataset(service));
}

function insertDataset(service: Service): Handler {
  return async ({ request, parameters }) => {
    requireProject(service, parameters);
    const body = await jsonBody(request);
    const datasetId = (body.datasetReference as { datasetId?: string } | undefined)?.datasetId ?? '';
    if (!/^[A-Za-z0-9_]{1,1024}$/.test(datasetId)) throw new ApiError('invalid', `Invalid dataset ID "${datasetId}".`);
    return service.locks.hold(datasetId, () => makeDataset(service, datasetId, body));
  };
}

function makeDataset(service: Service, datasetId: string, body: Record<string, unknown>): Promise<DatasetResource> {
  const { catalog, project } = service;
  if (catalog.datasets().some((dataset) => dataset.datasetReference.datasetId === datasetId)) {
    throw new ApiError('duplicate', `Already Exists: Dataset ${project}:${datasetId}`);
  }
  const location = String(body.location ?? service.location);
  const resource: DatasetResource = {
    kind: 'bigquery#dataset',
    id: `${project}:${datasetId}`,
    etag: '',
    location,
    datasetReference: { projectId: project, datasetId },
    creationTime: catalog.nowText(),
    lastModifiedTime: '',
    ...pickValues(body, PATCHABLE),
  };
  return service.database.transaction((transaction) => catalog.putDataset(transaction, resource));
}

function listDatasets(service: Service): Handler {
  return ({ parameters, query }) => {
    requireProject(service, parameters);
    const { items, nextPageToken } = page(service.catalog.datasets(), query);
    const datasets = items.map(({ id, datasetReference, labels, location }) => ({
      kind: 'bigquery#dataset',
      id,
      datasetReference,
      labels,
      location,
    }));
    return { kind: 'bigquery#datasetList', ...(datasets.length > 0 ? { datasets } : {}), ...nextPageToken };
  };
}

function changeDataset(service: Service): Handler {
  return async ({ request, parameters }) => {
    requireProject(service, parameters);
    const { catalog, locks } = service;
    const datasetId = parameters.datasetId!;
    const body = await jsonBody(request);
    return locks.hold(datasetId, async () => {
      const before = catalog.dataset(datasetId);
      checkPrecondition(request, before.etag);
      const changed = merge(before, pickPatch(body, PATCHABLE));
      return service.database.transaction((transaction) => catalog.putDataset(transaction, changed));
    });
  };
}

function deleteDataset(service: Service): Handler {
  return async ({ parameters, query }) => {
    requireProject(service, parameters);
    const { catalog } = service;
    const datasetId = parameters.datasetId!;
    if (catalog.tables(datasetId).length > 0 && query.get('deleteContents') !== 'true') {
      throw new ApiError('resourceInUse', `Dataset ${service.project}:${datasetId} is still in use`);
    }
    await service.database.transaction((transaction) => catalog.removeDataset(transaction, datasetId));
    return undefined;
  };
}
