interface Read {
  readonly value: Promise<unknown>;
  readonly startedAt: number;
  /** infinite while it is in progress */
  freshUntil: number;
}

/** Reads that all open pages share: however many browsers show the same thing, the job store is read once. */
export class SharedReads {
  readonly #reads: Map<string, Read>;
  readonly #nowMs: () => number;
  /** what was read before is not used */
  readonly sinceMs: number;

  /** @param nowMs a clock that never runs backwards, in milliseconds since 1970 */
  constructor(nowMs = () => performance.timeOrigin + performance.now(), sinceMs = 0, reads = new Map<string, Read>()) {
    this.#nowMs = nowMs;
    this.sinceMs = sinceMs;
    this.#reads = reads;
  }

  /** The same reads for something that must show nothing older, by default than now. What it reads is what the others get. */
  since(ms = Number.POSITIVE_INFINITY): SharedReads {
    return new SharedReads(this.#nowMs, Math.min(ms, this.#nowMs()), this.#reads);
  }

  /** What a read of this key in progress returns, or what one returned at most `maxAgeMs` milliseconds ago, or else what is read now. */
  read<T>(key: string, maxAgeMs: number, read: () => Promise<T>): Promise<T> {
    const now = this.#nowMs();
    const known = this.#reads.get(key);
    if (known && known.freshUntil > now && known.startedAt >= this.sinceMs) return known.value as Promise<T>;
    for (const [other, { freshUntil }] of this.#reads) if (freshUntil <= now) this.#reads.delete(other);
    const value = read();
    const started: Read = { value, startedAt: now, freshUntil: Number.POSITIVE_INFINITY };
    this.#reads.set(key, started);
    value.then(
      () => {
        // A slow read must not be out of date, and repeated at once, when it ends.
        started.freshUntil = this.#nowMs() + maxAgeMs;
      },
      // The next page tries again.
      () => {
        if (this.#reads.get(key) === started) this.#reads.delete(key);
      },
    );
    return value;
  }

  /** The next read of this key is a new one. */
  forget(key: string): void {
    this.#reads.delete(key);
  }

  /** The next read of every key is a new one. */
  forgetAll(): void {
    this.#reads.clear();
  }
}
