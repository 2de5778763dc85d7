// Compares every statement and cast that the app generates, and the emulators, with Google's own GoogleSQL.
//   npm run conformance              fails on any difference
//   npm run conformance -- --record  writes the answers with which tests compare without the analyzer
import { resolve } from 'node:path';
import { CASTS } from '../../app/bigquery/sql/casts.ts';
import { isCastable } from '../../app/core/fields/castable.ts';
import type { ColumnType } from '../../app/core/fields/columns.ts';
import {
  type Answers,
  askAnswers,
  askValues,
  INPUTS_TABLE,
  inputsTable,
  isExactCast,
  recordAnswers,
  recordedAnswers,
  type Values,
  valuesOf,
} from './answers.ts';
import { castExpressions, castQuery } from './cast-expressions.ts';
import { compareMistakes, compareStatements } from './compare-statements.ts';
import { answerOfEmulator } from './emulator-limits.ts';
import { generatedInputs } from './generated-inputs.ts';
import { GoogleSql } from './google-sql.ts';
import { installAnalyzer } from './install-analyzer.ts';
import { LocalBigQuery } from './local-big-query.ts';
import { PROJECT, plainSchemas, randomSchemas } from './schemas.ts';
import { Verdict } from './tally.ts';

const COLUMN_TYPES = Object.keys(CASTS) as ColumnType[];
const SEED = 20_240_310;
const SCHEMAS = 80;
const INPUTS = 4000;

const verdict = new Verdict();
const modules = await installAnalyzer(resolve('.local/conformance'));
await using googleSql = await GoogleSql.start(modules);
await using local = await LocalBigQuery.start(PROJECT, 'salesforce');

for (const schema of [...plainSchemas, ...randomSchemas(SCHEMAS, SEED)]) await compareStatements(googleSql, local, schema, verdict);
await compareMistakes(googleSql, local, plainSchemas[0]!, verdict);
try {
  const answers = await askAnswers(googleSql);
  if (process.argv.includes('--record')) await recordAnswers(answers);
  else compareRecord(answers, await recordedAnswers());
  await compareEmulator();
} catch (error) {
  verdict.differs('a cast fails instead of returning NULL', (error as Error).message);
}

console.log(String(verdict));
process.exitCode = verdict.differences === 0 ? 0 : 1;

/** The record must match GoogleSQL's answers for the app's current statements. */
function compareRecord(now: Answers, recorded: Answers): void {
  verdict.expressions += Object.keys(now.expressions).length * Object.keys(now.values).length;
  compare('recorded', now.expressions, recorded.expressions);
  for (const part of ['values', 'delta'] as const) {
    for (const name of new Set([...Object.keys(now[part]), ...Object.keys(recorded[part])]))
      compare(`recorded ${part} of ${JSON.stringify(name)}`, now[part][name] ?? {}, recorded[part][name] ?? {});
  }
}

/** Compares random inputs, to cover what lies between the recorded ones. Tests compare those. */
async function compareEmulator(): Promise<void> {
  const inputs = generatedInputs(INPUTS, SEED);
  const real = await askValues(googleSql, inputs);
  await local.fill([inputsTable(inputs)]);
  const rows = await local.query(castQuery(INPUTS_TABLE));
  const ours = valuesOf(
    inputs,
    rows.map((row) => Object.values(row) as (string | null)[]),
  );
  verdict.expressions += Object.keys(castExpressions).length * inputs.length;
  for (const input of inputs) {
    const wrong = COLUMN_TYPES.filter((type) => input !== '' && isCastable(type, input) && !isExactCast(type, real[input]!));
    if (wrong.length > 0) verdict.differs('the app expects a cast that loses the value', `${JSON.stringify(input)} to ${wrong.join(', ')}`);
  }
  for (const input of inputs) compare(`the emulators' value of ${JSON.stringify(input)}`, expectedOfEmulator(real, input), ours[input]!);
}

function expectedOfEmulator(real: Values, input: string): Record<string, string | undefined> {
  return Object.fromEntries(Object.keys(castExpressions).map((name) => [name, answerOfEmulator(name, input, real[input]![name])]));
}

function compare(
  what: string,
  expected: Record<string, string | null | undefined>,
  actual: Record<string, string | null | undefined>,
): void {
  for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    if ((expected[name] ?? null) !== (actual[name] ?? null))
      verdict.differs(`${what} differs`, `${name} is ${JSON.stringify(actual[name])}, in GoogleSQL ${JSON.stringify(expected[name])}`);
  }
}
