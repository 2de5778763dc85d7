import { randomUUID } from 'node:crypto';
import type { Context } from '../context.ts';
import { testMessage } from '../core/alert-messages.ts';
import { AppError } from '../errors.ts';
import { insertChange } from '../store/audit.ts';
import { transaction } from '../store/database.ts';
import { insertMessages } from '../store/outbox/webhook-messages.ts';

/**
 * Queues a message for the receiver of alerts, which is sent like all others.
 * @param by who requested it
 * @throws AppError conflict if there is no receiver
 */
export async function sendTestAlert({ database, config, webhook }: Context, by: string): Promise<void> {
  if (!webhook) throw new AppError('conflict', 'Nothing receives alerts. Set ALERT_WEBHOOK_URL and restart the service.');
  const { publicUrl } = config.http;
  const data = { ...(publicUrl !== undefined && { service: publicUrl }), requested_by: by };
  await transaction(database, async (client) => {
    await insertMessages(client, [testMessage(randomUUID(), data, new Date())]);
    await insertChange(client, { by, action: 'test_alert_requested' });
  });
}
