/** The warehouse's time: real time, moved forward by as much as was asked for. Expiry and CURRENT_TIMESTAMP go by it. */
export class Clock {
  #shiftMs = 0;

  now(): number {
    return Date.now() + this.#shiftMs;
  }

  /** How far ahead of real time the clock is. */
  get shiftMs(): number {
    return this.#shiftMs;
  }

  /** Takes up where an earlier clock was. */
  restore(shiftMs: number): void {
    this.#shiftMs = shiftMs;
  }

  /** Moves the clock to an instant, from which it goes on. Throws RangeError: what has expired cannot come back. */
  moveTo(instant: number): void {
    if (Number.isNaN(instant)) throw new RangeError('The clock needs an ISO instant such as 2030-01-02T00:00:00Z.');
    if (instant < this.now()) throw new RangeError(`The clock only moves forward: it is ${new Date(this.now()).toISOString()}.`);
    this.#shiftMs += instant - this.now();
  }
}
