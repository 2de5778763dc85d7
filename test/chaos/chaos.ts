// Proves that the service loses nothing under violence: two processes, one Postgres and the emulators, while the org keeps changing.
//   npm run chaos -- --kills 200 --seed 1 --json   the last line on stdout is one JSON object: see Result in run-chaos.ts
//   npm run chaos -- --tokens --json               sessions renewed 1,000 times by both, with --renewals N: see run-tokens.ts
//   npm run chaos -- --scenario fence              only what one guard of the service prevents: see scenarios.ts
//   npm run chaos -- --without fence               the same without the guard, or without each of all: succeeds if that does damage
import { parseArgs } from 'node:util';
import { type Chaos, type Result, runChaos, runScenario } from './run-chaos.ts';
import { runTokens } from './run-tokens.ts';
import { SCENARIOS } from './scenarios.ts';
import { doesDamageWithout } from './without.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    scenario: { type: 'string' },
    without: { type: 'string' },
    tokens: { type: 'boolean', default: false },
    renewals: { type: 'string', default: '1000' },
  },
});
const seed = Number(values.seed);
const started = performance.now();

// Postgres ends with this process only if that exits by itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** A run with few kills covers few steps: their names would hide everything else. */
const MAX_MISSING = 60;

const guard = values.without ?? values.scenario;
const guards = values.without === 'all' ? Object.keys(SCENARIOS) : guard === undefined ? [] : [guard];
const unknown = guards.find((name) => !(name in SCENARIOS));
if (unknown !== undefined) {
  console.error(`There is no guard ${unknown}. Guards: ${Object.keys(SCENARIOS).join(', ')}.`);
  process.exitCode = 2;
} else if (values.tokens) {
  const { result, wrong } = await runTokens(seed, Number(values.renewals), progress);
  const isDamaged = damageOf(result) + result.revoked + result.failedRuns > 0;
  if (isDamaged) for (const line of wrong) process.stderr.write(`${line}\n`);
  console.log(values.json ? JSON.stringify(result) : result);
  process.exitCode = isDamaged ? 1 : 0;
} else if (values.without !== undefined) {
  process.exitCode = guards.map((name) => proveNeeded(name)).every(Boolean) ? 0 : 1;
} else {
  const chaos =
    guard === undefined ? await runChaos(seed, Number(values.kills), progress) : await runScenario(SCENARIOS[guard]!, seed, progress);
  // A scenario needs no page twice; after random kills it depends on the moment.
  const isDamaged = damageOf(chaos.result) + (guard === undefined ? 0 : chaos.result.refetched) > 0;
  report(chaos, isDamaged);
  process.exitCode = isDamaged ? 1 : 0;
}

/** Plays a guard's scenario without the guard. @returns whether there was damage, as there should be */
function proveNeeded(name: string): boolean {
  const isNeeded = doesDamageWithout(name, seed);
  console.error(
    isNeeded ? `Without ${name}, there is damage, as there should be.` : `Without ${name}, there is no damage: nothing tests it.`,
  );
  return isNeeded;
}

function progress(line: string): void {
  const seconds = String(Math.round((performance.now() - started) / 1000)).padStart(4);
  process.stderr.write(`${`${seconds}s  ${line}`.slice(0, (process.stderr.columns ?? 100) - 1)}\n`);
}

function damageOf({
  lost,
  duplicated,
  corrupted,
  ahead,
  hung,
}: Pick<Result, 'lost' | 'duplicated' | 'corrupted' | 'ahead' | 'hung'>): number {
  return lost + duplicated + corrupted + ahead + hung;
}

function report({ result, wrong, kills, missing }: Chaos, isDamaged: boolean): void {
  const lines = missing.length > MAX_MISSING ? [] : missing.map((step) => `no process was killed at: ${step}`);
  if (isDamaged)
    lines.push(...wrong, `To repeat: npm run chaos -- ${process.argv.slice(2).join(' ')}. Processes were killed at:`, ...kills);
  for (const line of lines) process.stderr.write(`${line}\n`);
  console.log(values.json ? JSON.stringify(result) : result);
}
