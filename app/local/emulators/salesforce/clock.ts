const DAY_MS = 86_400_000;

/** Where a clock is: at an instant at which it stands, or so far ahead of real time. */
export type ClockState = { standing: string } | { aheadMs: number };

/** The org's time: stands still at an instant once set, and otherwise goes with real time, or ahead of it by whole days. */
export class Clock {
  #standing: Date | undefined;
  #aheadMs = 0;
  /** What the org has lived through cannot be taken back. */
  #lived = 0;

  constructor(instant?: Date) {
    this.set(instant);
  }

  now(): Date {
    return new Date(this.#standing ?? Date.now() + this.#aheadMs);
  }

  /**
   * Stops the clock at an instant, or lets it follow real time (undefined).
   * Throws when the instant lies before one that the org already showed somebody.
   */
  set(instant: Date | undefined): void {
    if (instant && Number.isNaN(instant.getTime())) throw new RangeError('The clock needs an ISO instant such as 2023-03-20T00:10:00Z.');
    const earliest = Math.max(this.#lived, this.#standing?.getTime() ?? 0);
    if (instant && instant.getTime() < earliest) {
      throw new RangeError(`The clock only moves forward: the org has already lived until ${new Date(earliest).toISOString()}.`);
    }
    this.#standing = instant;
    this.#aheadMs = 0;
  }

  /** Moves the clock forward by days; one that goes goes on from there. */
  forward(days: number): void {
    if (!Number.isInteger(days) || days < 1 || days > 36_500) throw new RangeError('The clock moves forward by a whole number of days.');
    if (this.#standing) this.#standing = new Date(this.#standing.getTime() + days * DAY_MS);
    else this.#aheadMs += days * DAY_MS;
  }

  /** Whether the clock was set to an instant. */
  get stands(): boolean {
    return this.#standing !== undefined;
  }

  get state(): ClockState {
    return this.#standing ? { standing: this.#standing.toISOString() } : { aheadMs: this.#aheadMs };
  }

  /** Takes up the state of an earlier clock, and that the org lived until an instant. */
  restore(state: ClockState, lived: Date): void {
    this.#standing = 'standing' in state ? new Date(state.standing) : undefined;
    this.#aheadMs = 'aheadMs' in state ? state.aheadMs : 0;
    this.#lived = Math.max(this.#lived, lived.getTime());
  }

  /** Does work during which the clock stands at an instant. */
  at<Result>(instant: Date, work: () => Result): Result {
    const before = this.#standing;
    this.#standing = instant;
    try {
      return work();
    } finally {
      this.#standing = before;
    }
  }

  /** The instant until which the org now lives: from here on the clock cannot be set before it. */
  live(): Date {
    const now = this.now();
    this.#lived = Math.max(this.#lived, now.getTime());
    return now;
  }
}
