/** What a server may demand: beyond this, one request per hour finds out whether it still does. A proxy or a wrong clock may name any time. */
const MAX_MS = 60 * 60_000;

/** Maximum wait within a call, in milliseconds. For more, the run is postponed: waiting would occupy its worker and its permits. */
export const MAX_WAIT_MS = 30_000;

/** Headers of a response, by their names in lower case. */
type Headers = Readonly<Record<string, unknown>>;

/**
 * How long a server wants us to wait, from its Retry-After header (RFC 9110, 10.2.3), in milliseconds up to an hour; undefined without a
 * valid one. A date is compared with the server's own clock, if the response shows it.
 */
export function readRetryAfter({ 'retry-after': retryAfter, date }: Headers, now = new Date()): number | undefined {
  if (typeof retryAfter !== 'string') return undefined;
  if (/^\d+$/.test(retryAfter)) return Math.min(Number(retryAfter) * 1000, MAX_MS);
  const until = httpDate(retryAfter);
  if (until === undefined) return undefined;
  return Math.min(Math.max(0, until - (httpDate(date) ?? now.getTime())), MAX_MS);
}

/** Date.parse accepts far more than HTTP dates. */
function httpDate(text: unknown): number | undefined {
  return typeof text === 'string' && /^[A-Z][a-z]{2,8}, .* GMT$/.test(text) ? Date.parse(text) || undefined : undefined;
}

const MAX_JITTER_MS = 6 * 60_000;

/** A delay of at least `retryAfterMs`, with jitter beyond it (`random` in [0, 1)), so that many runs do not retry at once. */
export function delayAtLeast(retryAfterMs: number | undefined, delayMs: number, random: number): number {
  if (retryAfterMs === undefined) return delayMs;
  return Math.max(delayMs, Math.ceil(retryAfterMs + random * Math.min(retryAfterMs / 10, MAX_JITTER_MS)));
}

/** The wait that an error includes, as the option of another error. */
export function retryAfterOf(error: unknown): { retryAfterMs?: number } {
  const { retryAfterMs } = (error ?? {}) as { retryAfterMs?: unknown };
  return typeof retryAfterMs === 'number' ? { retryAfterMs } : {};
}
