import type { PublishedStore } from '../../core/connections/agreement.ts';
import { INSTALLATION_TABLE } from '../../core/fields/metadata-tables.ts';
import { fallbackOnStatus } from '../fallback-on-status.ts';
import { isOurs } from '../our-labels.ts';
import type { Table } from '../resources.ts';
import type { Warehouse } from '../warehouse.ts';

/** A row of `_installation`, as the client library returns it. */
interface Row {
  installation: string;
  epoch: number;
  batch: number;
  batch_token: string;
  address: string;
  heartbeat_at: { value: string };
  rotations: string;
}

/**
 * Reads which job store wrote to BigQuery last: two calls, which BigQuery does not bill.
 * @returns undefined if none has, or if `_installation` is not ours
 * @throws AppError
 */
export async function readPublishedStore(warehouse: Warehouse, dataset: string): Promise<PublishedStore | undefined> {
  const row = await warehouse.call(`read ${dataset}.${INSTALLATION_TABLE.name}`, async (client) => {
    const table = client.dataset(dataset, { projectId: warehouse.project }).table(INSTALLATION_TABLE.name);
    const found = await fallbackOnStatus(404, undefined, table.getMetadata());
    if (!found || !isOurs(found[0] as Table, 'TABLE')) return undefined;
    const rows = await fallbackOnStatus(404, undefined, table.getRows({ maxResults: 1, autoPaginate: false }));
    return rows?.[0][0] as Row | undefined;
  });
  if (!row) return undefined;
  const { installation, epoch, batch, batch_token: token, address, heartbeat_at, rotations } = row;
  return {
    installation,
    epoch,
    batch,
    token,
    address,
    heartbeatAt: new Date(heartbeat_at.value),
    rotations: JSON.parse(rotations) as Record<string, number>,
  };
}
