import { setTimeout as sleep } from 'node:timers/promises';
import type { Dice } from '../../app/local/emulators/salesforce/org/dice.ts';
import type { Answer } from '../support/service.ts';
import type { ChaosJob } from './job.ts';
import type { World } from './world.ts';

/** A repair of a job, by its endpoint under /v1/jobs/{id}/. */
interface Repair {
  action: string;
  fields: Record<string, string>;
}

/** Every kind of repair, in the order in which they run at the end. */
export const REPAIRS: readonly Repair[] = [
  { action: 'reimport', fields: {} },
  { action: 'rebuild', fields: {} },
  { action: 'sweep', fields: {} },
];

/** What an operator may request at any time. The service may refuse it. */
const OPERATIONS = ['pause', 'resume', 'cancel', 'retry', 'sync-now'] as const;

/** A run without any change for this long hangs. */
const NO_PROGRESS_MS = 60_000;

/** The longest that all runs together may take once nothing disturbs them any more. */
const SETTLE_MS = 5 * 60_000;

/** The jobs of the chaos. */
export class Fleet {
  readonly jobs: ChaosJob[] = [];
  /** the repairs that have run for all jobs */
  readonly repaired = new Set<string>();
  /** repairs that did not succeed although nothing disturbed them, one sentence each */
  readonly unfinished: string[] = [];
  readonly #world: World;
  readonly #ids = new Map<ChaosJob, string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** @returns whether the job was created */
  async create(job: ChaosJob): Promise<boolean> {
    const { object, deletes, every, history = false } = job;
    const fields = { user_id: this.#world.userId, object_name: object, start_date: 'all', deletes, every, history: String(history) };
    const answer = await this.#world.call('create_importing_job', fields);
    if (answer.status !== 200) return false;
    const { rows } = await this.#world.database.query<{ id: string }>('SELECT id FROM jobs WHERE object_name = $1', [object]);
    this.#ids.set(job, rows[0]!.id);
    this.jobs.push(job);
    return true;
  }

  /** Ticks a job by its name, which also retries what waits. */
  async tick(job: ChaosJob): Promise<void> {
    await this.#callJob('handle_importing_job', job);
  }

  /** Ticks all jobs at once, so that their windows are due together. */
  async tickAll(): Promise<void> {
    await this.#world.call('handle_importing_job', { user_id: this.#world.userId });
  }

  /** Requests a repair. */
  async repair(job: ChaosJob, { action, fields }: Repair): Promise<Answer> {
    const answer = await this.#world.call(`v1/jobs/${this.#ids.get(job)}/${action}`, fields);
    if (answer.status !== 404) return answer;
    throw new Error(`There is no endpoint ${action}: ${answer.text}`);
  }

  /** Requests what an operator may request of a job or of its latest run. */
  async operate(job: ChaosJob, dice: Dice): Promise<void> {
    const operation = dice.pick(OPERATIONS);
    if (operation === 'pause' || operation === 'resume') await this.#callJob(`${operation}_importing_job`, job);
    else if (operation === 'sync-now') await this.repair(job, { action: operation, fields: {} });
    else await this.#changeLatestRun(job, operation);
  }

  async #changeLatestRun(job: ChaosJob, action: 'cancel' | 'retry'): Promise<void> {
    const { rows } = await this.#world.database.query<{ id: string }>(
      'SELECT id FROM runs WHERE job_id = $1 ORDER BY created_at DESC, id LIMIT 1',
      [this.#ids.get(job)],
    );
    for (const { id } of rows) await this.#world.call(`v1/runs/${id}/${action}`, {});
  }

  /** Resumes the jobs that an operator has paused. */
  async resumeAll(): Promise<void> {
    for (const job of this.jobs) await this.#callJob('resume_importing_job', job);
  }

  async #callJob(endpoint: string, { object }: ChaosJob): Promise<void> {
    await this.#world.call(endpoint, { user_id: this.#world.userId, object_name: object });
  }

  /** Cancels the open window of a job. */
  async cancelWindow({ object }: ChaosJob): Promise<void> {
    const { rows } = await this.#world.database.query<{ id: string }>(
      `SELECT runs.id FROM runs JOIN jobs ON jobs.id = runs.job_id WHERE object_name = $1 AND kind = 'window' AND state IN ('queued', 'running')`,
      [object],
    );
    for (const { id } of rows) await this.#world.call(`v1/runs/${id}/cancel`, {});
  }

  /** Ticks until all windows that end by `to` have succeeded. @returns how many jobs hang */
  async finishWindows(to: Date): Promise<number> {
    const behind = async (): Promise<number> => {
      for (const job of this.jobs) await this.tick(job);
      return await this.#count(`SELECT count(*) FROM jobs WHERE synced_to < '${to.toISOString()}'`);
    };
    return await this.#settle(behind);
  }

  /** Runs each kind of repair of each job. @returns how many hang or fail */
  async repairAll(): Promise<number> {
    let unfinished = 0;
    for (const repair of REPAIRS) {
      const requested = await Promise.all(this.jobs.map((job) => this.#requestRepair(job, repair)));
      if (!requested.includes(true)) continue;
      this.repaired.add(repair.action);
      const open = `SELECT count(*) FROM runs WHERE kind <> 'window' AND state IN ('queued', 'running')`;
      unfinished += await this.#settle(() => this.#count(open));
      const latest = `SELECT DISTINCT ON (job_id) state FROM runs WHERE kind = '${repair.action}' ORDER BY job_id, created_at DESC`;
      unfinished += await this.#count(`SELECT count(*) FROM (${latest}) AS latest WHERE state <> 'succeeded'`);
      await this.#noteUnfinished(repair.action);
    }
    return unfinished;
  }

  /** Remembers the latest repairs of a kind that did not succeed. */
  async #noteUnfinished(kind: string): Promise<void> {
    const { rows } = await this.#world.database.query<{ text: string }>(
      `SELECT concat_ws(' ', object_name, kind, id, state, error_code, error_message) AS text FROM (
         SELECT DISTINCT ON (runs.job_id) jobs.object_name, runs.* FROM runs JOIN jobs ON jobs.id = runs.job_id
         WHERE kind = $1 ORDER BY runs.job_id, runs.created_at DESC) AS latest
       WHERE state <> 'succeeded'`,
      [kind],
    );
    this.unfinished.push(...rows.map(({ text }) => text));
  }

  /** Requests a repair, after an open one. @returns whether its kind exists */
  async #requestRepair(job: ChaosJob, repair: Repair): Promise<boolean> {
    for (const until = performance.now() + NO_PROGRESS_MS; performance.now() < until; await sleep(200)) {
      const answer = await this.repair(job, repair);
      if (!answer) return false;
      if (answer.status === 200) return true;
      if (answer.status !== 409) throw new Error(`The ${repair.action} of ${job.object} was refused: ${answer.text}`);
      await this.#world.letTimePass();
    }
    return true;
  }

  async #settle(unfinished: () => Promise<number>): Promise<number> {
    const end = performance.now() + SETTLE_MS;
    let [seen, changedAt] = ['', performance.now()];
    for (;;) {
      const left = await unfinished();
      const now = performance.now();
      if (left === 0 || now > end || now - changedAt > NO_PROGRESS_MS) return left;
      const progress = await this.#progress();
      if (progress !== seen) [seen, changedAt] = [progress, now];
      await this.#world.letTimePass();
      await sleep(200);
    }
  }

  /** Changes with every step of a run. */
  async #progress(): Promise<string> {
    const { rows } = await this.#world.database.query<{ progress: string }>(
      `SELECT md5(concat(
         (SELECT string_agg(synced_to::text, ' ' ORDER BY id) FROM jobs),
         (SELECT string_agg(concat_ws(' ', id, state, attempt), ' ' ORDER BY id) FROM runs),
         (SELECT count(*) FROM pages WHERE loaded IS NOT NULL), (SELECT sum(generation) FROM slices),
         (SELECT count(*) FROM slices WHERE state = 'staged'))) AS progress`,
    );
    return rows[0]!.progress;
  }

  async #count(sql: string): Promise<number> {
    const { rows } = await this.#world.database.query<{ count: string }>(sql);
    return Number(rows[0]!.count);
  }
}
