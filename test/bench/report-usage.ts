// Loaded before the service's own code, so that its process reports its usage to the benchmark. It changes nothing else.
import type { Profile } from './profiler.ts';
import { usage } from './usage.ts';

let stopProfiler: (() => Promise<Profile>) | undefined;

process.on('message', async (question) => {
  if (question === 'usage') process.send?.(usage());
  if (question === 'start profiler') {
    const { startProfiler } = await import('./profiler.ts');
    stopProfiler = await startProfiler();
    process.send?.('started');
  }
  if (question === 'stop profiler') process.send?.(await stopProfiler!());
});
