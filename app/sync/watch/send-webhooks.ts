import type { Context } from '../../context.ts';
import { retryDelayMs } from '../../core/retry.ts';
import { delayAtLeast } from '../../core/retry-after.ts';
import { AppError, isAppError } from '../../errors.ts';
import { type ClaimedMessage, claimMessage, deleteMessage, postponeMessage } from '../../store/outbox/webhook-messages.ts';
import type { Webhook } from '../../webhooks/webhook.ts';

/** After a process died between a try and storing its outcome. Longer than a request may take. */
const LEASE_MS = 60_000;

const FIRST_RETRY_MS = 5_000;

/** A message that could not be sent within this time is given up. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;

/**
 * Sends the messages that are due, one after the other, until one fails: that probably concerns the others as well. Each is sent by one
 * process at a time; if it dies after a try, the message is sent again under the same id.
 * @throws AppError store_unavailable; the signal's reason
 */
export async function sendWebhooks(context: Context, webhook: Webhook, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const message = await claimMessage(context.database, LEASE_MS);
    if (!message || !(await sendMessage(context, webhook, message, signal))) return;
  }
}

/** @returns whether the receiver accepts messages */
async function sendMessage(
  { database, events }: Context,
  webhook: Webhook,
  message: ClaimedMessage,
  signal: AbortSignal,
): Promise<boolean> {
  const { id, content, tries, createdAt } = message;
  const expiresAt = createdAt.getTime() + MAX_AGE_MS;
  try {
    if (Date.now() >= expiresAt) {
      throw new AppError('webhook_failed', 'The message could not be sent within a day.', { recovery: 'give-up' });
    }
    await webhook.send(id, content, signal);
    await deleteMessage(database, message);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (!isAppError(error) || error.code !== 'webhook_failed') throw error;
    const ref = { id, type: content.type, tries: tries + 1 };
    const delayMs = delayAtLeast(error.retryAfterMs, retryDelayMs(tries + 1, FIRST_RETRY_MS, Math.random()), Math.random());
    if (error.recovery === 'give-up' || Date.now() + delayMs >= expiresAt) {
      await deleteMessage(database, message);
      events.webhookGivenUp(ref, error);
    } else {
      await postponeMessage(database, message, delayMs);
      events.webhookNotSent(ref, error);
    }
    return false;
  }
}
