// Partitioning and clustering: valid columns, and expiry of partitions.
import { ApiError } from '../rest/api-error.ts';
import type { Service } from '../service.ts';
import { sameName } from '../sql/scope.ts';
import { type Field, quoted } from './column-type.ts';
import { storedSql, type TableEntry, type TimePartitioning } from './table.ts';

const PARTS = ['HOUR', 'DAY', 'MONTH', 'YEAR'];
const NOT_CLUSTERED = ['FLOAT', 'FLOAT64', 'RECORD', 'STRUCT', 'BYTES', 'TIME'];

/** Throws `invalid` for a partitioning or clustering that BigQuery rejects, or that the emulator does not support. */
export function checkPartitioning(requested: Record<string, unknown>, fields: Field[]): void {
  for (const name of ['rangePartitioning', 'requirePartitionFilter'])
    if (requested[name]) throw new ApiError('invalid', `The local BigQuery does not support ${name}`);
  checkTimePartitioning(requested.timePartitioning as TimePartitioning | undefined, fields);
  const clustered = (requested.clustering as { fields?: string[] } | null | undefined)?.fields ?? [];
  if (clustered.length > 4) throw new ApiError('invalid', 'At most 4 fields can be specified for clustering');
  for (const name of clustered) {
    const field = fields.find((each) => sameName(each.name, name));
    if (!field) throw new ApiError('invalid', `The field specified for clustering cannot be found in the schema. Invalid field: ${name}.`);
    if (NOT_CLUSTERED.includes(field.type.toUpperCase()) || field.mode?.toUpperCase() === 'REPEATED')
      throw new ApiError('invalid', `Clustering on field ${name} of type ${field.type} is not supported`);
  }
}

function checkTimePartitioning(requested: TimePartitioning | null | undefined, fields: Field[]): void {
  if (!requested) return;
  if (requested.field === undefined) throw new ApiError('invalid', 'The local BigQuery does not support partitioning by ingestion time');
  const type = fields.find((each) => sameName(each.name, requested.field!))?.type.toUpperCase();
  if (type === undefined)
    throw new ApiError(
      'invalid',
      `The field specified for partitioning cannot be found in the schema. The field specified is ${requested.field}`,
    );
  if (!['DATE', 'DATETIME', 'TIMESTAMP'].includes(type))
    throw new ApiError(
      'invalid',
      `The field specified for partitioning can only be of type TIMESTAMP, DATE or DATETIME. The type found is: ${type}.`,
    );
  if (!PARTS.includes(requested.type) || (type === 'DATE' && requested.type === 'HOUR'))
    throw new ApiError('invalid', `Invalid time partitioning type ${requested.type} for a field of type ${type}`);
}

/** The partitioning after a patch: only the expiration can change. */
export function changedPartitioning(before: TimePartitioning | undefined, wanted: TimePartitioning | null): TimePartitioning | undefined {
  const isSame = before && wanted && before.type === (wanted.type ?? before.type) && before.field === (wanted.field ?? before.field);
  if (!isSame) throw new ApiError('invalid', 'Cannot change partitioning spec for a partitioned/clustered table.');
  const { expirationMs } = { ...before, ...wanted };
  const { expirationMs: _, ...rest } = before;
  return expirationMs === undefined || expirationMs === null ? rest : { ...rest, expirationMs };
}

/** Deletes the rows of expired partitions. Rows with a NULL partitioning column stay. */
export async function expirePartitions(service: Service): Promise<void> {
  for (const entry of service.catalog.all()) {
    const { type, field, expirationMs } = (entry.resource.timePartitioning ?? {}) as Partial<TimePartitioning>;
    if (!entry.stored || field === undefined || expirationMs === undefined || expirationMs === null) continue;
    const newestExpired = service.now() - Number(expirationMs);
    // In UTC, whatever the column's type.
    const partition = `date_trunc('${type}', timezone('UTC', ${quoted(field)}::TIMESTAMPTZ))`;
    // A table that was dropped in the meantime has no rows to delete.
    const oldest = await service.catalog.smallest(entry, partition).catch(() => undefined);
    if (oldest === undefined || oldest > newestExpired) continue;
    const expired = `epoch_ms(${partition}) <= ${newestExpired}`;
    await service.locks.hold(entry.key, () => remove(service, entry, expired));
  }
}

async function remove(service: Service, { key, stored }: TableEntry, where: string): Promise<void> {
  const entry = service.catalog.all().find((each) => each.key === key && each.stored === stored);
  if (!entry) return;
  await service.database.transaction(async (transaction) => {
    await transaction.connection.run(`DELETE FROM ${storedSql(entry.stored!)} WHERE ${where}`);
    transaction.afterCommit(() => service.catalog.forgetRows(entry));
  });
}
