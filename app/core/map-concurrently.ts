/**
 * Maps items as they arrive, up to `limit` at a time. The first failure, or the signal, aborts the source and the work on other items, and
 * is thrown once they have ended.
 * @param source of the items; also ended by its signal
 * @returns the results, in the order of the items
 */
export async function mapConcurrently<Item, Result>(
  limit: number,
  signal: AbortSignal,
  source: (signal: AbortSignal) => AsyncIterable<Item> | Iterable<Item>,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  const failure = new AbortController();
  const ended = AbortSignal.any([signal, failure.signal]);
  const results: Promise<Result>[] = [];
  const working = new Set<Promise<unknown>>();
  try {
    for await (const item of source(ended)) {
      signal.throwIfAborted();
      const result = work(item, ended);
      results.push(result);
      const ending: Promise<unknown> = result.catch((error: unknown) => failure.abort(error)).finally(() => working.delete(ending));
      working.add(ending);
      while (working.size >= limit) await Promise.race(working);
      failure.signal.throwIfAborted();
    }
    return await Promise.all(results);
  } catch (error) {
    failure.abort(error);
    await Promise.all(working);
    throw failure.signal.reason;
  }
}
