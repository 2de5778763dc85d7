import { RateLimiterMemory } from 'rate-limiter-flexible';
import { AppError } from '../errors.ts';
import { blockOf } from './address-block.ts';

/** How often callers may call. */
export interface RateLimitSettings {
  wrongKeysPerMinute: number;
  requestsPerSecond: number;
}

/** How many callers to remember, at about 100 bytes each. */
const MAX_KNOWN = 10_000;

/**
 * Limits the requests to this process, in its memory. An address with too many wrong keys is locked for a minute: no key from it is checked,
 * except those that it has used before. So a caller behind a shared address keeps working, and guesses from it learn nothing.
 */
export class RateLimits {
  readonly #wrongKeys: RateLimiterMemory;
  readonly #requests: RateLimiterMemory;
  readonly #logged = new RateLimiterMemory({ points: 1, duration: 60 });
  /** addresses and the names of keys that they have used */
  readonly #known = new Set<string>();

  constructor({ wrongKeysPerMinute, requestsPerSecond }: RateLimitSettings) {
    this.#wrongKeys = new RateLimiterMemory({ points: wrongKeysPerMinute, duration: 60 });
    this.#requests = new RateLimiterMemory({ points: requestsPerSecond, duration: 1 });
  }

  /**
   * Counts a request with a valid key.
   * @throws AppError too_many_requests if the key's requests are too frequent, or its address is locked and has not used the key before
   */
  async countRequest(address: string, key: string): Promise<void> {
    const caller = `${blockOf(address)} ${key}`;
    if (!this.#known.has(caller)) {
      const wrong = await this.#wrongKeys.get(blockOf(address));
      if (wrong && wrong.consumedPoints > this.#wrongKeys.points) throw tooManyWrongKeys(wrong.msBeforeNext);
      this.#remember(caller);
    }
    await consume(this.#requests, key, (ms) => tooManyRequests(this.#requests.points, ms));
  }

  /** Counts a request with a wrong key. @throws AppError too_many_requests if its address has sent too many */
  async countWrongKey(address: string): Promise<void> {
    await consume(this.#wrongKeys, blockOf(address), tooManyWrongKeys);
  }

  /** Whether to log that a request was refused: once per address (of IPv6, per block) and minute for each status. */
  async shouldLog(address: string, status: number): Promise<boolean> {
    return await this.#logged.consume(`${blockOf(address)} ${status}`).then(
      () => true,
      () => false,
    );
  }

  #remember(caller: string): void {
    const [oldest] = this.#known;
    if (this.#known.size >= MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    this.#known.add(caller);
  }
}

/** @throws the error for the milliseconds until the next point */
async function consume(limiter: RateLimiterMemory, key: string, errorFor: (retryAfterMs: number) => AppError): Promise<void> {
  await limiter.consume(key).catch((rejected: { msBeforeNext: number }) => {
    throw errorFor(rejected.msBeforeNext);
  });
}

function tooManyWrongKeys(retryAfterMs: number): AppError {
  return new AppError('too_many_requests', 'Too many wrong API keys from this address. Check the key, then wait a minute.', {
    retryAfterMs,
  });
}

function tooManyRequests(perSecond: number, retryAfterMs: number): AppError {
  return new AppError('too_many_requests', `This API key may make ${perSecond} requests a second. Wait, then call again.`, {
    retryAfterMs,
  });
}
