import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { AppError } from '../errors.ts';

/** Limits how often something happens per key, counted in this process. */
export interface RateLimit {
  /** Counts one more. @throws AppError too_many_requests, with the time to wait, if the limit is exceeded */
  take(key: string): Promise<void>;
}

/** @param max per key and period */
export function createRateLimit(max: number, periodSeconds: number): RateLimit {
  const limiter = new RateLimiterMemory({ points: max, duration: periodSeconds });
  return {
    async take(key) {
      // It rejects with the same object that it resolves with.
      const { consumedPoints, msBeforeNext } = await limiter.consume(key).catch((exceeded: RateLimiterRes) => exceeded);
      if (consumedPoints <= max) return;
      const seconds = Math.ceil(msBeforeNext / 1000);
      throw new AppError('too_many_requests', `Too many requests from this address. Try again in ${seconds} seconds.`, {
        retryAfterMs: msBeforeNext,
      });
    },
  };
}

/** The key of an address: an IPv6 address by its /64 network, because one host has all of that network's addresses. */
export function addressKey(address: string): string {
  // IPv4, also as written in IPv6: ::ffff:203.0.113.9
  const ipv4 = /\d+\.\d+\.\d+\.\d+$/.exec(address)?.[0];
  if (ipv4) return ipv4;
  const [head = [], tail] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = tail ? Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0') : [];
  return [...head, ...zeros, ...(tail ?? [])].slice(0, 4).join(':');
}
