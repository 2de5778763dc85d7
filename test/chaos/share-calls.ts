import { setTimeout as sleep } from 'node:timers/promises';
import { Dice } from '../../app/local/emulators/salesforce/org/dice.ts';
import { COMPOSITE_ACTS } from './acts.ts';
import type { Living } from './living.ts';
import type { World } from './world.ts';

const HOUR_MS = 60 * 60_000;

/** The longest that a composite call is waited for. */
const CALL_MS = 15_000;

/** The windows due together do not share a call if their runs failed before, or if their objects are read in field groups. */
const MAX_ROUNDS = 3;

/**
 * Lets few rows of each object change, and all windows be due at once, with nothing else disturbing them than a fault of the call that they
 * share: once for each such fault, because during the kills few windows are due together.
 */
export async function shareCalls(world: World, { fleet, life }: Living, seed: number): Promise<void> {
  const dice = new Dice(seed, 5);
  await fleet.resumeAll();
  for (const act of COMPOSITE_ACTS) {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { clock } = world.salesforce;
      const hour = new Date(Math.ceil(clock.now().getTime() / HOUR_MS) * HOUR_MS);
      clock.set(new Date(hour.getTime() + 10 * 60_000));
      await fleet.finishWindows(hour);
      for (const { object } of fleet.jobs) life.change(object);
      clock.set(new Date(hour.getTime() + HOUR_MS + 10 * 60_000));
      const before = act.countMet(world);
      await act.run(world, dice);
      await fleet.tickAll();
      for (const until = performance.now() + CALL_MS; act.countMet(world) === before && performance.now() < until; ) await sleep(100);
      if (act.countMet(world) > before) break;
    }
  }
}
