import { type Profiler, Session } from 'node:inspector/promises';

/** What a process did, by function: the .cpuprofile of V8. */
export type Profile = Profiler.Profile;

/** Short enough for a page, which takes 20 ms to forward. */
const SAMPLE_MICROSECONDS = 200;

/** Samples this process from now on. @returns stops sampling, and returns the profile */
export async function startProfiler(): Promise<() => Promise<Profile>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_MICROSECONDS });
  await session.post('Profiler.start');
  return async () => {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    return profile;
  };
}
