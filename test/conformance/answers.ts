// GoogleSQL's answers, and their record, with which tests compare the emulators.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ColumnType } from '../../app/core/fields/columns.ts';
import { castExpressions, castQuery } from './cast-expressions.ts';
import { byId, caseQuery, caseSelection, caseTables, type DeltaRows } from './delta-case.ts';
import type { FilledTable, GoogleSql } from './google-sql.ts';
import { HARD_INPUTS } from './hard-inputs.ts';
import { PROJECT } from './schemas.ts';

/** The value of each expression as text, by input and the expression's name. A missing expression is NULL. */
export type Values = Record<string, Record<string, string>>;

export interface Answers {
  expressions: Record<string, string>;
  values: Values;
  delta: DeltaRows;
}

export const INPUTS_TABLE = `${PROJECT}.salesforce.inputs`;

/** The table over which expressions are evaluated: each input with its number. */
export const inputsTable = (inputs: readonly string[]): FilledTable => ({
  name: INPUTS_TABLE,
  columns: [
    { name: 'n', type: 'STRING' },
    { name: 'x', type: 'STRING' },
  ],
  rows: inputs.map((input, number) => [String(number), input]),
});

/** Converts rows of `castQuery` to values by input. */
export function valuesOf(inputs: readonly string[], rows: readonly (readonly (string | null)[])[]): Values {
  const names = Object.keys(castExpressions);
  const byNumber = new Map(
    rows.map(([number, ...texts]) => [number, Object.fromEntries(names.flatMap((name, index) => entryOf(name, texts[index])))]),
  );
  return Object.fromEntries(inputs.map((input, number) => [input, byNumber.get(String(number)) ?? {}]));
}

const entryOf = (name: string, text: string | null | undefined): [string, string][] => (text == null ? [] : [[name, text]]);

/** Whether GoogleSQL casts a text to a type without losing anything. @param answers the values of the text, by expression */
export function isExactCast(type: ColumnType, answers: Record<string, string>): boolean {
  return answers[type] !== undefined && (type !== 'NUMERIC' || answers.NUMERIC === answers.BIGNUMERIC);
}

/** Evaluates all expressions over the inputs in GoogleSQL. */
export async function askValues(googleSql: GoogleSql, inputs: readonly string[]): Promise<Values> {
  return valuesOf(inputs, await googleSql.evaluate(castQuery(INPUTS_TABLE), [inputsTable(inputs)]));
}

/** Evaluates everything that is recorded in GoogleSQL. */
export async function askAnswers(googleSql: GoogleSql): Promise<Answers> {
  return {
    expressions: { ...castExpressions },
    values: await askValues(googleSql, [...new Set(HARD_INPUTS)]),
    delta: byId(await googleSql.evaluate(caseQuery(caseSelection), caseTables)),
  };
}

const FILE = join(import.meta.dirname, 'answers.json');

export async function recordedAnswers(): Promise<Answers> {
  return JSON.parse(await readFile(FILE, 'utf8')) as Answers;
}

/** Writes the record in ASCII, because editors and terminals display many of its texts incorrectly. */
export async function recordAnswers(answers: Answers): Promise<void> {
  await writeFile(FILE, `${ascii(JSON.stringify(answers, null, 2))}\n`);
}

const ascii = (json: string): string => json.replace(/[^\n\x20-\x7e]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
