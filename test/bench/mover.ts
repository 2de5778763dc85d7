// A process that moves pages and tells what it took. Arguments: how (the name of a file of moves), and the errand as JSON.
import { Agent } from 'undici';
import { type Errand, FIRST_PAGES, type Move, type Moved, WARM_UP_PAGES } from './move.ts';
import { usage } from './usage.ts';

const [how, errand] = process.argv.slice(2) as [string, string];
const { move } = (await import(`./${how}.ts`)) as { move: Move };
const all = JSON.parse(errand) as Errand;
// As the service opens it.
const dispatcher = new Agent({ connect: { timeout: 20_000 }, keepAliveTimeout: 30_000 });

let coldCpuSeconds: number | undefined;
if (how === 'move-by-parsing') {
  // A page of it takes as long as passing on a hundred, and is warm after the first.
  await countBytes(1);
} else {
  ({ cpuSeconds: coldCpuSeconds } = await countBytes(FIRST_PAGES));
  await countBytes(WARM_UP_PAGES);
}
const moved = await countBytes(all.pages);
await dispatcher.close();
process.send!({ ...moved, coldCpuSeconds } satisfies Moved);
process.disconnect!();

async function countBytes(pages: number): Promise<Omit<Moved, 'coldCpuSeconds'>> {
  const began = performance.now();
  const before = usage();
  const rows = await move({ ...all, pages }, dispatcher);
  const after = usage();
  return {
    rows,
    seconds: (performance.now() - began) / 1000,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    peakMb: after.peakMb,
  };
}
