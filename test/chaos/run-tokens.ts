import { setTimeout as sleep } from 'node:timers/promises';
import { Dice } from '../../app/local/emulators/salesforce/org/dice.ts';
import { Fleet } from './fleet.ts';
import { OrgLife } from './org-life.ts';
import { ALL_JOBS, judge, letTimePass, live, type Result } from './run-chaos.ts';
import { Watermarks } from './watermarks.ts';
import { startWorld, type World } from './world.ts';

/** The last line of the program with `--tokens`. */
export interface TokensResult extends Pick<Result, 'seed' | 'rows' | 'lost' | 'duplicated' | 'corrupted' | 'ahead' | 'hung'> {
  /** sessions that were renewed, each with a refresh token that was valid once */
  renewals: number;
  /** times that connections of a process to Postgres were cut */
  cuts: number;
  /** refresh tokens that Salesforce refused, so that the grant has ended */
  revoked: number;
  failedRuns: number;
}

/** How often connections to Postgres are cut during the renewals. */
const CUTS = 25;

/** Sessions end by themselves after a second without a call, and all of them this often. */
const EXPIRE_MS = 150;

/**
 * Lets two processes of eight workers each renew the session of one connection so often, while refresh tokens rotate: each is valid once,
 * and its second use ends the grant. No process is killed: a response that only a killed process had received is lost.
 * @param progress gets a short line now and then
 */
export async function runTokens(
  seed: number,
  renewals: number,
  progress: (line: string) => void,
): Promise<{ result: TokensResult; wrong: string[] }> {
  const salesforce = { rotateRefreshTokens: true, sessionMinutes: 1 / 60 };
  await using world = await startWorld(seed, ['a', 'b'], { salesforce, env: { WORKERS: '8', RUNS_PER_CONNECTION: '16' } });
  const living = { fleet: new Fleet(world), watermarks: new Watermarks(world), life: new OrgLife(world, new Dice(seed, 1)) };
  for (const job of ALL_JOBS) if (!(await living.fleet.create(job))) throw new Error(`The job for ${job.object} was not created.`);
  const over = new AbortController();
  const end = (): void => over.abort();
  const [, cuts] = await Promise.all([
    live({ ...living, dice: new Dice(seed, 2), later: [] }, over.signal).finally(end),
    renewOften(world, renewals, new Dice(seed, 3), over.signal, progress).finally(end),
    letTimePass(world, over.signal),
  ]);
  const { renewals: renewed, refused: revoked } = world.tokens;
  const { result, wrong } = await judge(world, living, { seed, faults: cuts, progress });
  const { rows } = await world.database.query<{ failed: number }>(`SELECT count(*)::int AS failed FROM runs WHERE state = 'failed'`);
  const { rows: total, lost, duplicated, corrupted, ahead, hung } = result;
  return {
    result: { seed, renewals: renewed, cuts, revoked, failedRuns: rows[0]!.failed, rows: total, lost, duplicated, corrupted, ahead, hung },
    wrong,
  };
}

/** Ends all sessions until enough were renewed, and cuts connections to Postgres at even steps. @returns how often it cut */
async function renewOften(
  world: World,
  renewals: number,
  dice: Dice,
  over: AbortSignal,
  progress: (line: string) => void,
): Promise<number> {
  const { tokens, salesforce, processes } = world;
  let cuts = 0;
  while (tokens.renewals < renewals && tokens.refused === 0 && !over.aborted) {
    await fetch(`${salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
    await world.letRenewalsPass();
    await sleep(EXPIRE_MS);
    if (tokens.renewals < ((cuts + 1) * renewals) / (CUTS + 1) || cuts === CUTS) continue;
    world.cutPostgres(dice.pick(processes));
    progress(`cut ${++cuts}/${CUTS}, ${tokens.renewals} of ${renewals} renewals`);
  }
  return cuts;
}
