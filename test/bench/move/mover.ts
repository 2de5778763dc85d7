// A process that moves pages and reports what it used. Arguments: the name of a move-by-… file, the errand as JSON, and perhaps "profiled".
import { Agent } from 'undici';
import { startProfiler } from '../profiler.ts';
import { usage } from '../usage.ts';
import { type Errand, FIRST_PAGES, type Move, type Moved, WARM_UP_PAGES } from './move.ts';

const [way, input, profiled] = process.argv.slice(2) as [string, string, string?];
const { move } = (await import(`./${way}.ts`)) as { move: Move };
const errand = JSON.parse(input) as Errand;
// The same settings as in the service.
const dispatcher = new Agent({ connect: { timeout: 20_000 }, keepAliveTimeout: 30_000 });

let coldCpuSeconds: number | undefined;
if (way === 'move-by-parsing') {
  // Parsing one page takes as long as forwarding a hundred, and one page is enough to warm up.
  await measure(1);
} else {
  ({ cpuSeconds: coldCpuSeconds } = await measure(FIRST_PAGES));
  await measure(WARM_UP_PAGES);
}
const stopProfiler = profiled ? await startProfiler() : undefined;
const moved = await measure(errand.pages);
const profile = await stopProfiler?.();
await dispatcher.close();
// A profile takes several writes.
process.send!({ ...moved, coldCpuSeconds, profile } satisfies Moved, undefined, undefined, () => process.disconnect!());

async function measure(pages: number): Promise<Omit<Moved, 'coldCpuSeconds' | 'profile'>> {
  const start = performance.now();
  const before = usage();
  const rows = await move({ ...errand, pages }, dispatcher);
  const after = usage();
  return {
    rows,
    seconds: (performance.now() - start) / 1000,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    peakMb: after.peakMb,
  };
}
