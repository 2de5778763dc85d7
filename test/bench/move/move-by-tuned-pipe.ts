/** The same as the bare pipe, in a process with the service's V8 settings. */
export { move } from './move-by-pipe.ts';
