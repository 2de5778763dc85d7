import { INSTALLATION_TABLE } from '../core/fields/metadata-tables.ts';
import type { Queryable } from './database.ts';

/**
 * Creates a batch with the job store's heartbeat, which names the batch itself. Does nothing before an org is connected: until then, nothing
 * can be lost. Must be called in a transaction.
 */
export async function batchInstallation(client: Queryable, dataset: string, address: string): Promise<void> {
  await client.query('INSERT INTO installation DEFAULT VALUES ON CONFLICT DO NOTHING');
  await client.query(
    `WITH next AS (
       SELECT nextval(pg_get_serial_sequence('outbox_batches', 'id')) AS id, gen_random_uuid() AS token
       WHERE EXISTS (SELECT FROM connections)
     )
     INSERT INTO outbox_batches (id, token, dataset, table_name, rows) OVERRIDING SYSTEM VALUE
     SELECT next.id, next.token, $1, $2, jsonb_build_array(jsonb_build_object(
       'installation', installation.id, 'epoch', epoch, 'batch', next.id, 'batch_token', next.token, 'address', $3::text,
       'heartbeat_at', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       'rotations', coalesce((SELECT jsonb_object_agg(id, rotations) FROM connections WHERE rotations > 0), '{}')::text))
     FROM next CROSS JOIN installation`,
    [dataset, INSTALLATION_TABLE.name, address],
  );
}
