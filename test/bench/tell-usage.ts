// Loaded before the service's own code: lets the benchmark ask the service's process what it has used, and changes nothing else of it.
import { usage } from './usage.ts';

process.on('message', (message) => {
  if (message === 'usage') process.send?.(usage());
});
