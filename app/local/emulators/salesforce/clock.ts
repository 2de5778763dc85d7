const DAY_MS = 86_400_000;

/** A clock stands still at an instant, or runs this far ahead of real time. */
export type ClockState = { standing: string } | { aheadMs: number };

/** The org's time: once set, it stands still; otherwise it follows real time, or runs whole days ahead of it. */
export class Clock {
  #fixedAt: Date | undefined;
  #aheadMs = 0;
  /** Time that the org has already seen cannot be undone. */
  #seenMs = 0;

  constructor(instant?: Date) {
    this.set(instant);
  }

  now(): Date {
    return new Date(this.#fixedAt ?? Date.now() + this.#aheadMs);
  }

  /**
   * Stops the clock at an instant, or lets it follow real time (undefined).
   * Throws if the instant is before one that the org has already shown to a client.
   */
  set(instant: Date | undefined): void {
    if (instant && Number.isNaN(instant.getTime())) throw new RangeError('The clock requires an ISO instant such as 2023-03-20T00:10:00Z.');
    const earliest = Math.max(this.#seenMs, this.#fixedAt?.getTime() ?? 0);
    if (instant && instant.getTime() < earliest) {
      throw new RangeError(`The clock only moves forward: the org has already reached ${new Date(earliest).toISOString()}.`);
    }
    this.#fixedAt = instant;
    this.#aheadMs = 0;
  }

  /** Moves the clock forward by days; a running clock keeps running. */
  forward(days: number): void {
    if (!Number.isInteger(days) || days < 1 || days > 36_500)
      throw new RangeError('The clock only moves forward by a whole number of days, from 1 to 36500.');
    if (this.#fixedAt) this.#fixedAt = new Date(this.#fixedAt.getTime() + days * DAY_MS);
    else this.#aheadMs += days * DAY_MS;
  }

  /** Whether the clock was set to an instant. */
  get isFixed(): boolean {
    return this.#fixedAt !== undefined;
  }

  get state(): ClockState {
    return this.#fixedAt ? { standing: this.#fixedAt.toISOString() } : { aheadMs: this.#aheadMs };
  }

  /** Restores the state of an earlier clock, and the latest instant that a client has seen. */
  restore(state: ClockState, seen: Date): void {
    this.#fixedAt = 'standing' in state ? new Date(state.standing) : undefined;
    this.#aheadMs = 'aheadMs' in state ? state.aheadMs : 0;
    this.#seenMs = Math.max(this.#seenMs, seen.getTime());
  }

  /** Runs `work` while the clock stands still at an instant. */
  at<Result>(instant: Date, work: () => Result): Result {
    const before = this.#fixedAt;
    this.#fixedAt = instant;
    try {
      return work();
    } finally {
      this.#fixedAt = before;
    }
  }

  /** Marks the current instant as seen: the clock can no longer be set before it. */
  markSeen(): Date {
    const now = this.now();
    this.#seenMs = Math.max(this.#seenMs, now.getTime());
    return now;
  }
}
