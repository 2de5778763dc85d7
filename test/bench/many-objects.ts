import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WholeService } from './whole-service.ts';

/** The day before the org becomes active. */
const NOW = '2023-02-28T12:00:00Z';
const IMPORTED_UNTIL = '2023-03-01';

/** Such as an org with so many objects has: without it, the jobs would exceed the service's share. */
const DAILY_CALLS = 200_000;

const CLI = fileURLToPath(new URL('../../app/cli.ts', import.meta.url));

export interface ManyObjects {
  jobs: number;
  setupSeconds: number;
  setupCallsPerJob: number;
  importSeconds: number;
  importCallsPerJob: number;
  /** of the service's process, for both */
  cpuSeconds: number;
  /** of a second apply, which finds nothing to change */
  repeatedSeconds: number;
}

/** Sets up the jobs of an org with `objects` custom objects by one file, and imports all of them. @throws Error if a job is not complete */
export async function syncManyObjects(objects: number): Promise<ManyObjects> {
  await using service = await WholeService.start({ now: NOW, size: 100, customObjects: objects });
  await using folder = await mkdtempDisposable(join(tmpdir(), 'salesforce-bigquery-bench-'));
  await service.changeOrg('PUT', 'limits', { DailyApiRequests: { Max: DAILY_CALLS, Remaining: DAILY_CALLS } });
  const userId = await service.connect();
  const file = join(folder.path, 'sync.yaml');
  const all = { start_date: 'all', except: ['*Feed', '*History', '*Share', '*ChangeEvent'] };
  // JSON is YAML, too.
  await writeFile(file, JSON.stringify({ connections: { [userId]: { jobs: { all } } } }));
  const before = await service.usage();
  const setupSeconds = await apply(service.url, file);
  const setupCalls = await service.salesforceCalls();
  const start = performance.now();
  const jobs = await service.importAllUntil(IMPORTED_UNTIL);
  const importSeconds = (performance.now() - start) / 1000;
  const importCalls = (await service.salesforceCalls()) - setupCalls;
  const { cpuSeconds } = await service.usage();
  return {
    jobs: jobs.length,
    setupSeconds,
    setupCallsPerJob: setupCalls / jobs.length,
    importSeconds,
    importCallsPerJob: importCalls / jobs.length,
    cpuSeconds: cpuSeconds - before.cpuSeconds,
    repeatedSeconds: await apply(service.url, file),
  };
}

/** @returns seconds */
async function apply(url: string, file: string): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, [CLI, 'apply', '-f', file, '--url', url], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`apply exited with ${code}.`);
  return (performance.now() - start) / 1000;
}
