import { setTimeout as sleep } from 'node:timers/promises';
import { sum } from '../../app/core/sum.ts';
import type { SalesforceOptions } from '../../app/local/emulators/salesforce/salesforce.ts';
import { decide, REDIRECT_URI, readAnswer } from '../support/service.ts';
import type { EmulatorParts } from './emulator.ts';
import type { Profile } from './profiler.ts';
import { Program } from './program.ts';
import type { Usage } from './usage.ts';

/** The fields of a job that the benchmark reads. */
export interface JobView {
  id: string;
  table: string;
  last_date: string;
  run: RunView | null;
  repair: RunView | null;
}

interface RunView {
  id: string;
  state: string;
  error: { code: string; message: string } | null;
  receipt: {
    delta_rows: number;
    bytes_billed: number;
    salesforce_after: number | null;
    verdict: string;
    pages: number;
    bytes: number;
    methods: string[];
    /** of a sweep */
    equal?: number;
  } | null;
}

interface StartOptions {
  processes?: number;
  clock?: boolean;
  settings?: Record<string, string>;
  emulatorNiceness?: number;
}

const POLL_MS = 200;

/** A list of so many jobs takes longer than POLL_MS. */
const MANY_JOBS = 100;

/** A sweep is compared with a pipe, so its polls must not count. */
const SWEEP_POLL_MS = 2_000;

/** The service as in production, and the emulators, each in a separate process. */
export class WholeService implements AsyncDisposable {
  readonly #emulator: Program;
  readonly #service: Program;
  /** more processes of the same service */
  readonly #others: Program[];
  /** the address of the service */
  readonly url: string;

  private constructor(emulator: Program, service: Program, others: Program[]) {
    this.#emulator = emulator;
    this.#service = service;
    this.#others = others;
    this.url = `http://127.0.0.1:${(JSON.parse(service.started as string) as { port: number }).port}`;
  }

  /**
   * @param processes how many processes of the service share the job store
   * @param clock false: the schedule follows real time, so that a tick makes no call
   * @param settings more of the service's environment
   * @param emulatorNiceness the emulators, which run elsewhere in production, give way to the service
   */
  static async start(
    options: SalesforceOptions,
    { processes = 1, clock = true, settings = {}, emulatorNiceness }: StartOptions = {},
  ): Promise<WholeService> {
    const emulator = await Program.start('emulator.ts', {
      args: [JSON.stringify(options), ...(emulatorNiceness === undefined ? [] : [String(emulatorNiceness)])],
    });
    const { env: parts, folder } = emulator.started as EmulatorParts;
    const env = clock ? parts : { ...parts, SCHEDULE_CLOCK_URL: '' };
    const startService = (): Promise<Program> =>
      Program.start('../../app/cli.ts', {
        args: ['serve', '--local', '--data', folder],
        // Inherits nothing from this environment: no real org, no real cloud.
        env: { ...env, ...settings, PORT: '0', HOME: folder },
        execArgv: ['--import', new URL('report-usage.ts', import.meta.url).href],
        upWhen: '"event":"listening"',
      });
    const service = await startService();
    const others: Program[] = [];
    while (others.length < processes - 1) others.push(await startService());
    return new WholeService(emulator, service, others);
  }

  /** Connects the org. @returns the user_id */
  async connect(): Promise<string> {
    const redirect = await decide(await this.call('get_oauth_url', { redirect_uri: REDIRECT_URI }), 'allow');
    const code = redirect.searchParams.get('code')!;
    return await this.call('login_oauth_callback', { redirect_uri: REDIRECT_URI, authorization_code: code });
  }

  /** Connects the org and creates a job. */
  async createJob(object: string, startDate: string): Promise<void> {
    const userId = await this.connect();
    await this.call('create_importing_job', { user_id: userId, object_name: object, start_date: startDate });
  }

  /** Sets the org's and the schedule's clock. */
  async setClock(now: string): Promise<void> {
    await this.changeOrg('PUT', 'clock', { now });
  }

  /** Changes the org through the emulator's own routes, which Salesforce does not have. */
  async changeOrg(method: 'PUT' | 'POST', path: string, body: object): Promise<void> {
    const response = await fetch(`${this.#parts.instanceUrl}/emulator/${path}`, { method, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`The emulators rejected ${path}: ${await response.text()}`);
  }

  /**
   * Ticks at ten past midnight of a day, and waits until the only job has imported everything before that day.
   * @param onPoll called at every poll while it waits
   * @throws Error if the run fails
   */
  async importUntil(day: string, onPoll = async (): Promise<void> => {}): Promise<JobView> {
    await this.setClock(`${day}T00:10:00Z`);
    await this.tick();
    for (;;) {
      const job = await this.#job();
      if (job?.run?.state === 'failed') throw new Error(`The run failed: ${JSON.stringify(job.run.error)}`);
      if (job?.last_date === day && job.run?.state === 'succeeded') return job;
      await onPoll();
      await sleep(POLL_MS);
    }
  }

  /** Ticks likewise, and waits until all jobs have imported everything before that day. @throws Error if a run fails */
  async importAllUntil(day: string): Promise<JobView[]> {
    await this.setClock(`${day}T00:10:00Z`);
    await this.tick();
    for (;;) {
      const jobs = await this.jobs();
      const failed = jobs.find(({ run }) => run?.state === 'failed');
      if (failed) throw new Error(`The run failed: ${JSON.stringify(failed.run!.error)}`);
      if (jobs.every(({ last_date, run }) => last_date === day && run?.state === 'succeeded')) return jobs;
      await sleep(jobs.length > MANY_JOBS ? SWEEP_POLL_MS : POLL_MS);
    }
  }

  /** One tick of all jobs. */
  async tick(): Promise<void> {
    await this.call('handle_importing_job');
  }

  /** Repairs the job, and waits until that has ended. @throws Error if it fails */
  async repair(kind: 'rebuild' | 'sweep'): Promise<JobView> {
    await fetch(`${this.url}/v1/jobs/${(await this.#job())!.id}/${kind}`, { method: 'POST' });
    for (;;) {
      const job = await this.#job();
      if (job?.repair?.state === 'failed') throw new Error(`The ${kind} failed: ${JSON.stringify(job.repair.error)}`);
      if (job?.repair?.state === 'succeeded') return job;
      await sleep(SWEEP_POLL_MS);
    }
  }

  async #job(): Promise<JobView | undefined> {
    return (await this.jobs())[0];
  }

  /** All jobs. */
  async jobs(): Promise<JobView[]> {
    const jobs: JobView[] = [];
    for (let after: string | null = ''; after !== null; ) {
      const page = JSON.parse(await this.call(`jobs?limit=1000${after && `&after=${after}`}`)) as { jobs: JobView[]; next: string | null };
      jobs.push(...page.jobs);
      after = page.next;
    }
    return jobs;
  }

  /** The number of REST and Bulk API calls to the org so far. */
  async salesforceCalls(): Promise<number> {
    return await this.#emulator.ask<number>('calls');
  }

  /** How many rows of an object were created in the org before a day. */
  async orgRows(object: string, day: string): Promise<number> {
    return await this.#emulator.ask<number>(`${object} ${day}`);
  }

  /** The number of BigQuery jobs of runs so far: without those that write the metadata tables, which depend on the time alone. */
  async bigQueryJobs(): Promise<number> {
    const { bigQueryUrl, project } = this.#parts;
    const response = await fetch(`${bigQueryUrl}/bigquery/v2/projects/${project}/jobs?maxResults=1000`);
    const { jobs } = (await response.json()) as { jobs: { jobReference: { jobId: string } }[] };
    return jobs.filter(({ jobReference }) => !jobReference.jobId.startsWith('outbox_')).length;
  }

  /** The number of rows in a BigQuery table. */
  async countRows(table: string): Promise<number> {
    const { bigQueryUrl, project } = this.#parts;
    const query = JSON.stringify({ query: `SELECT COUNT(*) FROM ${table}`, useLegacySql: false });
    const response = await fetch(`${bigQueryUrl}/bigquery/v2/projects/${project}/queries`, { method: 'POST', body: query });
    return Number(((await response.json()) as { rows: { f: { v: string }[] }[] }).rows[0]!.f[0]!.v);
  }

  /** What the service's process has used so far. */
  async usage(): Promise<Usage> {
    return await this.#service.ask<Usage>('usage');
  }

  /** Samples the service's process from now on. */
  async startProfiler(): Promise<void> {
    await this.#service.ask('start profiler');
  }

  /** What the service's process did since. */
  async stopProfiler(): Promise<Profile> {
    return await this.#service.ask<Profile>('stop profiler');
  }

  /** CPU seconds that all processes of the service have used so far. */
  async cpuSeconds(): Promise<number> {
    const usages = await Promise.all([this.#service, ...this.#others].map((service) => service.ask<Usage>('usage')));
    return sum(usages.map(({ cpuSeconds }) => cpuSeconds));
  }

  /** The environment with which a client finds the emulators. */
  get environment(): Record<string, string> {
    return this.#parts.env;
  }

  get #parts(): EmulatorParts {
    return this.#emulator.started as EmulatorParts;
  }

  /** Calls the API. @throws Error if the response is an error */
  async call(path: string, fields: Record<string, string> = {}): Promise<string> {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    const answer = await readAnswer(
      await fetch(`${this.url}/${path}`, Object.keys(fields).length > 0 ? { method: 'POST', body: form } : {}),
    );
    if (answer.status !== 200) throw new Error(`${path} returned ${answer.status}: ${answer.text}`);
    return answer.text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#service, ...this.#others].map((service) => service[Symbol.asyncDispose]()));
    await this.#emulator[Symbol.asyncDispose]();
  }
}
