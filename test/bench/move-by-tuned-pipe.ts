/** The same as the bare pipe. The mover applies the service's V8 settings to it. */
export { move } from './move-by-pipe.ts';
