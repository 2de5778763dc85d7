import type Koa from 'koa';
import type { ApiKey } from '../../config.ts';
import type { Caller } from '../route.ts';

/** How the HTTP API identifies callers, for the console, which it mounts. */
export interface Entrance {
  /** The entry of an API key in the configuration. @throws AppError forbidden, too_many_requests */
  keyOf(text: string, address: string): Promise<ApiKey>;
  /** Counts a request by a caller who is signed in. @throws AppError too_many_requests */
  countRequest(address: string, keyName: string): Promise<void>;
  /** The user of this machine, without a key. @throws AppError forbidden for a page of another site */
  localCaller(ctx: Koa.Context): Caller;
  /** The address of the service's pages. @throws AppError conflict if it is unknown */
  origin(ctx: Koa.Context): string;
}
