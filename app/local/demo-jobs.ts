import type { Screen } from './demo-screen.ts';
import { callApi } from './demo-service.ts';

/** The contract's columns of a job, and what else of it the demo shows. */
export interface JobView {
  object_name: string;
  start_date: string;
  last_date: string;
  active: number;
  table: string;
  run: {
    id: string;
    from: string;
    to: string;
    state: string;
    receipt: { delta_rows: number; verdict: string; methods: string[] } | null;
  } | null;
}

/** by object */
export type Jobs = ReadonlyMap<string, JobView>;

export async function readJobs(url: string): Promise<Jobs> {
  const { jobs } = JSON.parse(await callApi(`${url}/jobs`)) as { jobs: JobView[] };
  return new Map(jobs.map((job) => [job.object_name, job]));
}

export function hasChanged(job: JobView, before: JobView | undefined): boolean {
  return job.last_date !== before?.last_date || job.active !== before.active || job.run?.id !== before.run?.id;
}

/** Prints what the latest runs of jobs imported. */
export function showImports({ table }: Screen, jobs: JobView[], before: Jobs): void {
  table(
    ['object_name', 'last_date', '(rows imported)', 'verdict'],
    jobs.map((job) => {
      const { state = '', receipt = null } = job.run ?? {};
      return [
        job.object_name,
        change(before.get(job.object_name)?.last_date, job.last_date),
        count(receipt?.delta_rows ?? 0),
        receipt?.verdict ?? state,
      ];
    }),
  );
}

/** Prints how jobs changed; those that changed in the same way share a line. */
export function showUniformly({ detail }: Screen, jobs: JobView[], before: Jobs): void {
  const describe = (job: JobView): string => {
    const old = before.get(job.object_name);
    const names = (['last_date', 'active'] as const).filter((name) => old?.[name] !== job[name]);
    return names.map((name) => `${name} ${change(old?.[name], job[name])}`).join(', ');
  };
  for (const [description, group] of Map.groupBy(jobs, describe)) {
    detail(`${group.length === before.size || before.size === 0 ? 'All ' : ''}${group.length} jobs: ${description}`);
  }
}

function change(before: string | number | undefined, now: string | number): string {
  return before === undefined || before === now ? String(now) : `${before} → ${now}`;
}

export function count(number: number): string {
  return number.toLocaleString('en');
}
