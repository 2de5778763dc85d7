import type { Content, Message } from '../../core/alert-messages.ts';
import type { Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** A message that this process may send. */
export interface ClaimedMessage {
  readonly id: string;
  readonly content: Content;
  /** that failed so far */
  readonly tries: number;
  readonly createdAt: Date;
}

/** Stores messages. Call it in the transaction that changes the alerts. */
export async function insertMessages(client: Queryable, messages: readonly Message[]): Promise<void> {
  if (messages.length === 0) return;
  await client.query(
    `INSERT INTO webhook_messages (event, subject, content)
     SELECT event, subject, content FROM unnest($1::text[], $2::text[], $3::json[]) WITH ORDINALITY AS message (event, subject, content, position)
     ORDER BY position`,
    [messages.map(({ event }) => event), messages.map(({ subject }) => subject), messages.map(({ content }) => JSON.stringify(content))],
  );
}

/**
 * Claims the oldest message that is due and that no earlier one about the same precedes. No other process gets it for `leaseMs`; if this one
 * dies, another sends the message under the same id.
 */
export async function claimMessage(database: Queryable, leaseMs: number): Promise<ClaimedMessage | undefined> {
  const { rows } = await database.query<RowOf<ClaimedMessage>>(
    `WITH next AS (
       SELECT id FROM webhook_messages AS message
       WHERE next_try_at <= now() AND NOT EXISTS (
         SELECT FROM webhook_messages AS earlier
         WHERE earlier.event = message.event AND earlier.subject = message.subject AND earlier.position < message.position)
       ORDER BY position LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
     )
     UPDATE webhook_messages SET next_try_at = now() + $1 * interval '1 millisecond' FROM next
     WHERE webhook_messages.id = next.id RETURNING webhook_messages.id, content, tries, created_at`,
    [leaseMs],
  );
  return rows[0] && toRecord(rows[0]);
}

/** Deletes a message that was sent or given up. Idempotent. */
export async function deleteMessage(database: Queryable, { id }: Pick<ClaimedMessage, 'id'>): Promise<void> {
  await database.query('DELETE FROM webhook_messages WHERE id = $1', [id]);
}

/** Postpones a message after a failed try. Does nothing if another process has sent it. */
export async function postponeMessage(database: Queryable, { id, tries }: ClaimedMessage, delayMs: number): Promise<void> {
  await database.query(`UPDATE webhook_messages SET tries = $2, next_try_at = now() + $3 * interval '1 millisecond' WHERE id = $1`, [
    id,
    tries + 1,
    delayMs,
  ]);
}
