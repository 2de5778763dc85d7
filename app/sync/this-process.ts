import { hostname } from 'node:os';
import { VERSION } from '../version.ts';

/** What names this process on the page of workers and on the runs that it claims. */
export const THIS_PROCESS = { host: hostname(), version: VERSION };
