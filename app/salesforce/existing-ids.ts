import type { SalesforceClient } from './client.ts';
import { selectIds } from './soql.ts';

/** As many as fit the URI of a query, with a margin (`MAX_URI_BYTES`). */
export const MAX_IDS_PER_QUERY = 500;

/** Which of these records exist, in the recycle bin or not. @param ids up to MAX_IDS_PER_QUERY, 18 characters each @throws AppError */
export async function findExistingIds(client: SalesforceClient, objectName: string, ids: readonly string[]): Promise<string[]> {
  const soql = selectIds(objectName, ['Id'], ids);
  const reply = await client.call(`find records of ${objectName}`, (connection) =>
    connection.query<{ Id: string }>(soql, { scanAll: true, maxFetch: MAX_IDS_PER_QUERY }),
  );
  return reply.records.map(({ Id }) => Id);
}
