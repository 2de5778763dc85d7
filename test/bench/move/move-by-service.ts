import { randomUUID } from 'node:crypto';
import { loadPage } from '../../../app/bigquery/load/load.ts';
import { openWarehouse, type Warehouse } from '../../../app/bigquery/warehouse.ts';
import { LIMITS } from '../../../app/core/connections/limits.ts';
import { fetchPage } from '../../../app/salesforce/bulk.ts';
import { SalesforceClient } from '../../../app/salesforce/client.ts';
import { readPageHeader } from '../../../app/salesforce/page-header.ts';
import { countBytes } from '../../../app/sync/extract/count-bytes.ts';
import type { Move } from './move.ts';
import { movePages } from './pages.ts';

/** The service's own data plane, without the job store. */
export const move: Move = async ({ sourceUrl, sinkUrl, pages, columns }, dispatcher) => {
  const warehouse = openWarehouse(
    { project: 'bench', location: 'EU', endpoint: sinkUrl, stagingDataset: 'staging', federation: undefined },
    dispatcher,
  );
  const session = { accessToken: 'token', instanceUrl: sourceUrl };
  const sessions = { current: async () => session, renew: async () => session };
  const client = new SalesforceClient(sessions, dispatcher, {
    version: '66.0',
    gzip: true,
    limits: LIMITS,
    trustedHosts: [sourceUrl],
    onCall: () => {},
  });
  const { signal } = new AbortController();
  return await movePages(async (locator) => {
    const page = await fetchPage(client, String(pages), locator, LIMITS.firstPageRows, signal);
    const header = await readPageHeader(page.body, page.gzip, columns, page.rows);
    countBytes(header.content, page.gzip);
    return { rows: page.rows, next: page.nextLocator, move: () => load(warehouse, header.columns, header.content) };
  });
};

async function load(warehouse: Warehouse, columns: string[], content: AsyncIterable<Buffer>): Promise<void> {
  const table = { project: 'bench', dataset: 'staging', table: 'pages' };
  const outcome = await loadPage(warehouse, { jobId: randomUUID(), table, columns, labels: {} }, content);
  if (!outcome.succeeded) throw outcome.error;
}
