import { writeFlameGraph } from './flame-graph.ts';
import { DataPlane } from './move/data-plane.ts';
import type { Profile } from './profiler.ts';
import { WholeService } from './whole-service.ts';
import { addRows, OBJECT } from './window-cost.ts';

/** What can be profiled: the forwarding of pages, or windows with a few rows. */
export type Profiled = 'pipe' | 'window';

export function isProfiled(part: string): part is Profiled {
  return part === 'pipe' || part === 'window';
}

const FOLDER = '.local/profiles';

/** Enough pages for a few thousand samples. */
const MILLIONS = 10;

/** The last days of windows before the profile, and of those in it. The org becomes active, and so changes by itself, only in March 2023. */
const WARM_DAY = 8;
const LAST_DAY = 28;

const ROWS = 100;

/** Profiles a part of the service once it is warm. @returns the paths of pages with flame graphs */
export async function profile(part: Profiled): Promise<string[]> {
  const profiles = part === 'pipe' ? await profilePipe() : { window: await profileWindows() };
  return await Promise.all(Object.entries(profiles).map(([name, recorded]) => writeFlameGraph(FOLDER, name, recorded)));
}

/** The service, and the bare pipe that it is compared with. */
async function profilePipe(): Promise<Record<string, Profile>> {
  await using plane = await DataPlane.start();
  return {
    'pipe-service': (await plane.move('move-by-service', MILLIONS, 'profiled')).profile!,
    'pipe-bare': (await plane.move('move-by-pipe', MILLIONS, 'profiled')).profile!,
  };
}

async function profileWindows(): Promise<Profile> {
  await using service = await WholeService.start({ now: '2023-02-01T00:10:00Z', size: 10, rows: { [OBJECT]: 0 } });
  await service.createJob(OBJECT, '2023-02-01');
  for (let day = 2; day <= LAST_DAY; day++) {
    await addRows(service, february(day - 1), ROWS);
    await service.importUntil(february(day));
    if (day === WARM_DAY) await service.startProfiler();
  }
  return await service.stopProfiler();
}

function february(day: number): string {
  return `2023-02-${String(day).padStart(2, '0')}`;
}
