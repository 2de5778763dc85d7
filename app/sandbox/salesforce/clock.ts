/** The org's time: stands still at an instant once set, and is the real time otherwise. */
export class Clock {
  #standing: Date | undefined;
  /** What the org has lived through cannot be taken back. */
  #lived = 0;

  constructor(instant?: Date) {
    this.set(instant);
  }

  now(): Date {
    return new Date(this.#standing ?? Date.now());
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
  }

  /** Whether the clock was set to an instant. */
  get stands(): boolean {
    return this.#standing !== undefined;
  }

  /** The instant until which the org now lives: from here on the clock cannot be set before it. */
  live(): Date {
    const now = this.now();
    this.#lived = Math.max(this.#lived, now.getTime());
    return now;
  }
}
