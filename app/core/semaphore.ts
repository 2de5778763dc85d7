/** A number of places; whoever finds none free waits for one, in the order of asking. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  /** Takes a place, for as long as the work goes on. A signal that aborts ends the waiting. */
  async use<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    await this.#take(signal);
    try {
      return await work();
    } finally {
      this.#giveBack();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const place = Promise.withResolvers<void>();
    const giveUp = (): void => {
      const at = this.#waiting.indexOf(place.resolve);
      // It was just handed over: whoever has it will give it back.
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      place.reject(signal.reason);
    };
    this.#waiting.push(place.resolve);
    signal.addEventListener('abort', giveUp);
    // Whoever got the place gives up no more.
    await place.promise.finally(() => signal.removeEventListener('abort', giveUp));
  }

  /** A place that somebody waits for goes to them directly. */
  #giveBack(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
