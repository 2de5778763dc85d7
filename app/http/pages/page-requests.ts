import { RateLimiterMemory } from 'rate-limiter-flexible';
import { AppError } from '../../errors.ts';
import { blockOf } from '../address-block.ts';

/** Limits the requests for pages, per address and in this process. */
export class PageRequests {
  readonly #limiter: RateLimiterMemory;

  constructor(perMinute: number) {
    this.#limiter = new RateLimiterMemory({ points: perMinute, duration: 60 });
  }

  /** @throws AppError too_many_requests if the address has sent too many */
  async count(address: string): Promise<void> {
    await this.#limiter.consume(blockOf(address)).catch(({ msBeforeNext }: { msBeforeNext: number }) => {
      const seconds = Math.ceil(msBeforeNext / 1000);
      throw new AppError('too_many_requests', `Too many requests from this address. Try again in ${seconds} seconds.`, {
        retryAfterMs: msBeforeNext,
      });
    });
  }
}
