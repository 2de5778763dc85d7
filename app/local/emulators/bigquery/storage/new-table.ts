import type { Service } from '../service.ts';
import type { Field } from './column-type.ts';
import { type TableResource, type TimePartitioning, tableKey } from './table.ts';

/** The resource of a new table, with the dataset's defaults. */
export function newTableResource(
  service: Service,
  reference: { datasetId: string; tableId: string },
  fields: Field[],
  more: object,
): TableResource {
  const { catalog, project } = service;
  const dataset = catalog.dataset(reference.datasetId);
  const now = service.now();
  const lifetime = dataset.defaultTableExpirationMs;
  const { timePartitioning, ...others } = more as { timePartitioning?: TimePartitioning };
  // A dataset's default for partitions overrides its default for tables.
  const partitionsLast = timePartitioning && dataset.defaultPartitionExpirationMs;
  return {
    kind: 'bigquery#table',
    id: `${project}:${tableKey(reference)}`,
    etag: '',
    type: 'TABLE',
    location: dataset.location,
    tableReference: { projectId: project, datasetId: reference.datasetId, tableId: reference.tableId },
    schema: { fields },
    creationTime: String(now),
    lastModifiedTime: '',
    ...(lifetime === undefined || partitionsLast ? {} : { expirationTime: String(now + Number(lifetime)) }),
    ...(timePartitioning ? { timePartitioning: { ...(partitionsLast ? { expirationMs: partitionsLast } : {}), ...timePartitioning } } : {}),
    ...others,
  };
}
