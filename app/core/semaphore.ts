interface Waiter {
  admit: () => void;
  moved: () => void;
}

/** A fair semaphore: waiters get a permit in the order of their requests. */
export class Semaphore {
  #free: number;
  readonly #waiting: Waiter[] = [];

  constructor(permits: number) {
    this.#free = permits;
  }

  /**
   * Waits for a permit, which is released when it is disposed of. Aborting the signal ends the wait.
   * @param moved called whenever a permit is released while this one waits
   */
  async acquire(signal: AbortSignal, moved: () => void = () => {}): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal, moved);
    return this.#permit();
  }

  /** A permit, if one is free now. */
  tryAcquire(): Disposable | undefined {
    if (this.#free === 0) return undefined;
    this.#free--;
    return this.#permit();
  }

  async #wait(signal: AbortSignal, moved: () => void): Promise<void> {
    const permit = Promise.withResolvers<void>();
    const waiter = { admit: permit.resolve, moved };
    const cancel = (): void => {
      const at = this.#waiting.indexOf(waiter);
      // The permit was just handed over; its new holder releases it.
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      permit.reject(signal.reason);
    };
    this.#waiting.push(waiter);
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
    for (const { moved } of this.#waiting) moved();
    const next = this.#waiting.shift();
    if (next) next.admit();
    else this.#free++;
  }
}
