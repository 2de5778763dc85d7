import { type AwsService, callAws } from './call-aws.ts';

/** SQS's maximum: it answers an empty queue after this time. */
const WAIT_SECONDS = 20;

/** The call itself may take longer. */
const TIMEOUT_MS = 30_000;

/** A queue of SQS to which the schedule sends its ticks. */
export class TickQueue {
  readonly #sqs: AwsService;
  readonly #url: string;

  constructor(sqs: AwsService, url: string) {
    this.#sqs = { timeoutMs: TIMEOUT_MS, ...sqs };
    this.#url = url;
  }

  /** Waits for ticks. @returns what deletes them; empty: none came within 20 seconds @throws Error if SQS refuses */
  async receive(signal: AbortSignal): Promise<string[]> {
    const wanted = { QueueUrl: this.#url, MaxNumberOfMessages: 10, WaitTimeSeconds: WAIT_SECONDS };
    const { Messages = [] } = (await this.#call('ReceiveMessage', wanted, signal)) as { Messages?: { ReceiptHandle: string }[] };
    return Messages.map(({ ReceiptHandle }) => ReceiptHandle);
  }

  /** Deletes ticks that were handled: SQS delivers the others again. */
  async delete(handles: readonly string[]): Promise<void> {
    const entries = handles.map((handle, index) => ({ Id: String(index), ReceiptHandle: handle }));
    await this.#call('DeleteMessageBatch', { QueueUrl: this.#url, Entries: entries });
  }

  async #call(operation: string, input: object, signal?: AbortSignal): Promise<unknown> {
    const { status, output } = await callAws(this.#sqs, `AmazonSQS.${operation}`, '1.0', input, signal);
    if (status === 200) return output;
    throw new Error(
      `SQS returned HTTP ${status} for ${operation}. Check that the task role may receive and delete messages of TICK_QUEUE_URL.`,
    );
  }
}
