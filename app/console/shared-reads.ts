/** Reads that all open pages share: however many browsers show the same thing, the job store is asked once. */
export class SharedReads {
  readonly #reads = new Map<string, { value: Promise<unknown>; until: number }>();

  /** What was read for this key at most `maxAgeMs` milliseconds ago, or else is read now. */
  read<T>(key: string, maxAgeMs: number, read: () => Promise<T>): Promise<T> {
    const now = performance.now();
    const known = this.#reads.get(key);
    if (known && known.until > now) return known.value as Promise<T>;
    for (const [other, { until }] of this.#reads) if (until <= now) this.#reads.delete(other);
    const value = read();
    this.#reads.set(key, { value, until: now + maxAgeMs });
    // The next page tries again.
    value.catch(() => this.#reads.delete(key));
    return value;
  }
}
