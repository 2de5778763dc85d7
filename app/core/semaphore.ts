/** A fair semaphore: waiters get a permit in the order of their requests. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(permits: number) {
    this.#free = permits;
  }

  /** Waits for a permit, which is released when it is disposed of. Aborting the signal ends the wait. */
  async acquire(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    return this.#permit();
  }

  /** A permit, if one is free now. */
  tryAcquire(): Disposable | undefined {
    if (this.#free === 0) return undefined;
    this.#free--;
    return this.#permit();
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const permit = Promise.withResolvers<void>();
    const cancel = (): void => {
      const at = this.#waiting.indexOf(permit.resolve);
      // The permit was just handed over; its new holder releases it.
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      permit.reject(signal.reason);
    };
    this.#waiting.push(permit.resolve);
    signal.addEventListener('abort', cancel);
    // A waiter that got its permit no longer reacts to the signal.
    await permit.promise.finally(() => signal.removeEventListener('abort', cancel));
  }

  #permit(): Disposable {
    const permit = new DisposableStack();
    permit.defer(() => this.#release());
    return permit;
  }

  /** Hands the permit directly to the next waiter, if any. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
