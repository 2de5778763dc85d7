// Loaded before the service's own code, so that its process reports its usage to the benchmark. It changes nothing else.
import { usage } from './usage.ts';

process.on('message', (message) => {
  if (message === 'usage') process.send?.(usage());
});
