/** The warehouse's time: real time, plus any requested offset. Expiry and CURRENT_TIMESTAMP follow it. */
export class Clock {
  #shiftMs = 0;

  now(): number {
    return Date.now() + this.#shiftMs;
  }

  /** How far ahead of real time the clock is. */
  get shiftMs(): number {
    return this.#shiftMs;
  }

  /** Restores the offset of an earlier clock. */
  restore(shiftMs: number): void {
    this.#shiftMs = shiftMs;
  }

  /** Moves the clock to an instant, then keeps running. Throws RangeError for the past, because expired rows cannot come back. */
  moveTo(instant: number): void {
    if (Number.isNaN(instant)) throw new RangeError('The clock requires an ISO instant such as 2030-01-02T00:00:00Z.');
    if (instant < this.now()) throw new RangeError(`The clock only moves forward: it is ${new Date(this.now()).toISOString()}.`);
    this.#shiftMs += instant - this.now();
  }
}
