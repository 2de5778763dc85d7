import type { Queryable } from '../database.ts';

/** Permissions and objects change, so refusals are forgotten after a week. */
const REMEMBERED = `interval '7 days'`;

/** Remembers why an object cannot be imported. Its name may be in any case. */
export async function saveRefusedObject(database: Queryable, connectionId: number, objectName: string, message: string): Promise<void> {
  await database.query(
    `INSERT INTO refused_objects (connection_id, object_name, error_message) VALUES ($1, lower($2), $3)
     ON CONFLICT (connection_id, object_name) DO UPDATE SET error_message = excluded.error_message, refused_at = now()`,
    [connectionId, objectName, message],
  );
}

/** Forgets the refusal of an object, if any. */
export async function deleteRefusedObject(database: Queryable, connectionId: number, objectName: string): Promise<void> {
  await database.query('DELETE FROM refused_objects WHERE connection_id = $1 AND object_name = lower($2)', [connectionId, objectName]);
}

/** Why objects of a connection's org cannot be imported, by their names in lower case. */
export async function readRefusedObjects(database: Queryable, connectionId: number): Promise<Map<string, string>> {
  const { rows } = await database.query<{ object_name: string; error_message: string }>(
    `SELECT object_name, error_message FROM refused_objects WHERE connection_id = $1 AND refused_at > now() - ${REMEMBERED}`,
    [connectionId],
  );
  return new Map(rows.map(({ object_name, error_message }) => [object_name, error_message]));
}
