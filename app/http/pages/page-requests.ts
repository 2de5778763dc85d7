import { RateLimiterMemory } from 'rate-limiter-flexible';
import { AppError } from '../../errors.ts';

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

/** An IPv4 address, or the /64 block of an IPv6 address, which one caller usually has to itself. */
function blockOf(address: string): string {
  // IPv4, also as written in IPv6: ::ffff:203.0.113.9
  const ipv4 = /\d+\.\d+\.\d+\.\d+$/.exec(address)?.[0];
  if (ipv4) return ipv4;
  const [head = [], tail] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = tail ? Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0') : [];
  return [...head, ...zeros, ...(tail ?? [])].slice(0, 4).join(':');
}
