// Compares the emulators with the recorded answers of Google's own evaluator (npm run conformance -- --record).
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Answers, INPUTS_TABLE, inputsTable, recordedAnswers, type Values, valuesOf } from './answers.ts';
import { appStatements, deltaOf, mistakenStatements } from './app-statements.ts';
import { castExpressions, castQuery } from './cast-expressions.ts';
import { asClientReads, clientText } from './client-text.ts';
import { byId, caseQuery, caseStatement, caseTables } from './delta-case.ts';
import { answerOfEmulator } from './emulator-limits.ts';
import { HARD_INPUTS } from './hard-inputs.ts';
import { LocalBigQuery } from './local-big-query.ts';
import { PROJECT, plainSchemas } from './schemas.ts';

const names = Object.keys(castExpressions);
const inputs = [...new Set(HARD_INPUTS)];

let recorded: Answers;
let local: LocalBigQuery;
let ours: Values;
beforeAll(async () => {
  recorded = await recordedAnswers();
  local = await LocalBigQuery.start(PROJECT, 'salesforce');
  await local.fill([inputsTable(inputs), ...caseTables]);
  const rows = await local.query(castQuery(INPUTS_TABLE));
  ours = valuesOf(inputs, rows.map(textsOf));
});
afterAll(() => local[Symbol.asyncDispose]());

const textsOf = (row: Record<string, unknown>): (string | null)[] => Object.values(row) as (string | null)[];

test("the record covers the app's current casts and all hard inputs", () => {
  expect(recorded.expressions).toEqual(castExpressions);
  expect(Object.keys(recorded.values).sort()).toEqual([...inputs].sort());
});

/** The expected value in the emulators, by input. */
const expected = (name: string): [string, string | undefined][] =>
  inputs.map((input) => [input, answerOfEmulator(name, input, recorded.values[input]![name])]);

describe.each(names)('%s in the emulators', (name) => {
  test('has the same value as in GoogleSQL, or NULL if that has none', () => {
    expect(inputs.map((input) => [input, ours[input]![name]])).toEqual(expected(name));
  });

  test('reaches the client as that value', async () => {
    const rows = await local.query(`SELECT ${castExpressions[name]} AS v FROM \`${INPUTS_TABLE}\` ORDER BY CAST(n AS INT64)`);
    expect(rows.map(({ v }, number) => [inputs[number], clientText(v)])).toEqual(
      expected(name).map(([input, text]) => [input, text && asClientReads(text)]),
    );
  });
});

/** The inputs for which the emulator is known to differ, by expression. */
const KNOWN_DIFFERENCES: Record<string, string[]> = {
  BIGNUMERIC: [
    // More than 20 digits before the decimal point: NULL.
    ...['1e21', '1e22', '1e23', '1e28', '1e29', '1e38', '9.9999999999999999999e28'],
    '100000000000000000000',
    '99999999999999999999999999999',
    '-99999999999999999999999999999',
    '100000000000000000000000000000',
    '-100000000000000000000000000000',
    '99999999999999999999999999999.999999999',
    '99999999999999999999999999999.9999999994',
    '99999999999999999999999999999.9999999995',
    '123456789012345678901234567890',
    '99999999999999999999999999999999999999',
    '578960446186580977117854925043439539266',
    // More than 18 decimals: rounded.
    '0.1234567890123456789',
    '0.00000000049999999999',
    '1.0000000000000000001',
    '1.00000000000000000000000000000000000001',
    '1.000000000000000000000000000000000000005',
    '0.000000000000000000000000000000000000005',
    '1E-38',
  ],
  'plain TIMESTAMP': ['2024-03-10 12:34:56 America/Los_Angeles'],
};

test.each(names)('the emulators differ from GoogleSQL for %s only in the known cases', (name) => {
  const differing = inputs.filter((input) => ours[input]![name] !== recorded.values[input]![name]);
  expect(differing.sort()).toEqual((KNOWN_DIFFERENCES[name] ?? []).sort());
});

/** All except the widest. */
const schemas = plainSchemas.filter(({ columns }) => columns.length < 100);

test.each(schemas)('the emulators accept every statement over $columns.length columns in $slices.length slices', async (schema) => {
  expect(await local.refusals(appStatements(schema))).toEqual([]);
});

test.each(mistakenStatements(schemas[0]!))('the emulators reject a statement with an unknown name or a wrong type', async (mistake) => {
  expect(await local.refusals([mistake])).toHaveLength(1);
});

test('a delta table has the same types, rows and texts as in GoogleSQL', async () => {
  await local.query(caseStatement);
  const { project, dataset, table } = deltaOf(plainSchemas[0]!).delta;
  const rows = await local.query(caseQuery(`\`${project}.${dataset}.${table}\``));
  expect(byId(rows.map(textsOf))).toEqual(recorded.delta);
});
