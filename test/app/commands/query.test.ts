import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type BigQueryEmulator, startBigQuery } from '../../../app/local/emulators/bigquery/rest/bigquery.ts';

let bigquery: BigQueryEmulator;
beforeAll(async () => {
  bigquery = await startBigQuery();
  await fetch(`${bigquery.url}/bigquery/v2/projects/${bigquery.project}/datasets`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ datasetReference: { datasetId: 'salesforce' }, location: bigquery.location }),
  });
});
afterAll(() => bigquery.close());

/** Runs a query on the emulator of BigQuery, with `input` on its standard input. */
function query(...given: [{ input: string }, ...string[]] | string[]): ChildProcess {
  const [{ input }, ...args] = (typeof given[0] === 'object' ? given : [{ input: '' }, ...given]) as [{ input: string }, ...string[]];
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  const { project, location, url } = bigquery;
  const env = { PATH, HOME, NODE_COMPILE_CACHE, GOOGLE_CLOUD_PROJECT: project, BIGQUERY_LOCATION: location, BIGQUERY_API_ENDPOINT: url };
  const child = spawn(process.execPath, ['app/cli.ts', 'query', ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  // It does not read its input if the statement is an argument.
  child.stdin.on('error', () => {}).end(input);
  return child;
}

/** More than any pipe or socket buffers. */
const ROWS = 1_000;
const DIGITS = 'UNNEST([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])';
const LARGE = `SELECT a, b, c, '${'x'.repeat(600)}' AS padding FROM ${DIGITS} AS a, ${DIGITS} AS b, ${DIGITS} AS c`;

test('reports missing Google credentials in one line, without a warning from the library', async () => {
  const env = {
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    GOOGLE_CLOUD_PROJECT: 'acme',
    BIGQUERY_LOCATION: 'EU',
    // google-auth-library warns about this address.
    GCE_METADATA_HOST: '300.1.1.1',
  };
  const child = spawn(process.execPath, ['app/cli.ts', 'query', 'SELECT 1'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const errors = await text(child.stderr!);
  expect(errors.trimEnd().split('\n')).toEqual([expect.stringContaining('Run gcloud auth application-default login')]);
});

describe('query into a pipe', () => {
  test('writes the whole result to a slow reader', async () => {
    const child = query(LARGE);
    const closed = once(child, 'close');
    let output = '';
    child.stdout!.on('data', (part) => (output += part));
    await once(child.stdout!, 'data');
    child.stdout!.pause();
    // Time for a process that does not wait for its reader to exit.
    await Promise.race([once(child, 'exit'), sleep(500)]);
    child.stdout!.resume();
    expect(await closed).toEqual([0, null]);
    const [names, rule, ...lines] = output.trimEnd().split('\n');
    expect(names!.trimEnd()).toMatch(/^a {2}b {2}c {2}padding$/);
    expect(rule).toBe(`─  ─  ─  ${'─'.repeat(600)}`);
    expect(lines.pop()).toBe(`(${ROWS} rows)`);
    expect(lines.filter((line) => /^\d {2}\d {2}\d {2}x{600}$/.test(line))).toHaveLength(ROWS);
  });

  test('exits quietly when its reader closes the pipe, as head does', async () => {
    const child = query(LARGE);
    const errors = text(child.stderr!);
    const exited = once(child, 'exit');
    await once(child.stdout!, 'readable');
    child.stdout!.destroy();
    expect(await exited).toEqual([0, null]);
    expect(await errors).toBe('');
  });
});

interface Ended {
  code: number;
  output: string;
  errors: string;
}

async function ended(child: ChildProcess): Promise<Ended> {
  const [[code], output, errors] = await Promise.all([once(child, 'close'), text(child.stdout!), text(child.stderr!)]);
  return { code: code as number, output, errors };
}

/** One sentence or more on one line of standard error, and nothing on standard output. */
async function refusal(child: ChildProcess, code: number): Promise<string> {
  const { output, errors, ...outcome } = await ended(child);
  expect({ ...outcome, output, lines: errors.trimEnd().split('\n').length }).toEqual({ code, output: '', lines: 1 });
  return errors;
}

const VALUES = `
  SELECT 1 AS number, 'plain' AS word, CAST('0.10' AS NUMERIC) AS price, TIMESTAMP '2023-03-20 00:10:00+00' AS moment
  UNION ALL SELECT 9223372036854775807, 'two\\nlines, "quoted"', NULL, NULL
  UNION ALL SELECT -3, '', CAST('12345678901234567890.5' AS NUMERIC), NULL`;

describe('the formats of query', () => {
  test('table: aligned, numbers to the right, each row on one line', async () => {
    expect(await ended(query(VALUES))).toEqual({
      code: 0,
      errors: '',
      output: `
             number  word                                   price  moment
───────────────────  ────────────────────  ──────────────────────  ────────────────────────
                  1  plain                                    0.1  2023-03-20T00:10:00.000Z
9223372036854775807  two\\nlines, "quoted"                    NULL  NULL
                 -3                        12345678901234567890.5  NULL
(3 rows)
`.slice(1),
    });
  });

  test('csv: NULL is empty, an empty string is quoted', async () => {
    const { output } = await ended(query('--format', 'csv', VALUES));
    expect(output).toBe(
      'number,word,price,moment\n1,plain,0.1,2023-03-20T00:10:00.000Z\n9223372036854775807,"two\nlines, ""quoted""",,\n-3,"",12345678901234567890.5,\n',
    );
  });

  test('json: one array, a row per line, numbers with all their digits', async () => {
    const { output } = await ended(query('--format', 'json', VALUES));
    expect(output.split('\n').slice(1, 3)).toEqual([
      '{"number": 1, "word": "plain", "price": 0.1, "moment": "2023-03-20T00:10:00.000Z"},',
      '{"number": 9223372036854775807, "word": "two\\nlines, \\"quoted\\"", "price": null, "moment": null},',
    ]);
    expect(JSON.parse(output)).toHaveLength(3);
  });

  test.each([
    ['table', 'x\n─\n(0 rows)\n'],
    ['csv', 'x\n'],
    ['json', '[]\n'],
  ])('%s has its form without rows, too', async (format, output) => {
    expect(await ended(query('--format', format, 'SELECT 1 AS x FROM UNNEST([1]) WHERE FALSE'))).toEqual({ code: 0, errors: '', output });
  });

  test('another format is refused with the list of formats', async () => {
    expect(await refusal(query('--format', 'xml', 'SELECT 1'), 2)).toContain('Allowed choices are table, csv, json.');
  });
});

test('a statement on standard input is run; without one, query says how to pass it', async () => {
  const child = query({ input: 'SELECT\n  40 + 2 AS answer -- not 41\n' }, '--format', 'csv');
  expect(await ended(child)).toEqual({ code: 0, errors: '', output: 'answer\n42\n' });
  expect(await refusal(query(), 2)).toMatch(/^Pass a SQL statement as an argument or on standard input, for example: npm run query -- /);
});

describe('what is not a SELECT', () => {
  test('is refused and not run, until --write allows it', async () => {
    const create = 'CREATE TABLE salesforce.mine (n INT64)';
    expect(await refusal(query(create), 2)).toBe(
      'The statement (CREATE_TABLE) was not run because it is not a SELECT. Add --write to run it.\n',
    );
    const insert = 'INSERT INTO salesforce.mine (n) VALUES (1), (2)';
    expect(await refusal(query('--write', insert), 1)).toMatch(/^Not found: Table .*salesforce\.mine/);
    expect(await ended(query('--write', create))).toEqual({ code: 0, output: '', errors: 'CREATE_TABLE succeeded.\n' });
    expect(await ended(query('--write', insert))).toEqual({ code: 0, output: '', errors: 'INSERT succeeded: 2 rows inserted.\n' });
    // Words that a pattern would take for a change, or not.
    expect(await ended(query('--format', 'csv', "SELECT COUNT(*) AS n FROM salesforce.mine WHERE 'DELETE FROM x' != ''"))).toMatchObject({
      output: 'n\n2\n',
    });
    const hidden = '/* SELECT */ DELETE FROM salesforce.mine WHERE TRUE -- SELECT';
    expect(await refusal(query(hidden), 2)).toContain('(DELETE) was not run');
    expect(await ended(query('--format', 'csv', 'SELECT COUNT(*) AS n FROM salesforce.mine'))).toMatchObject({ output: 'n\n2\n' });
  });
});

describe('what fails is one line that says what to do', () => {
  test.each([
    ['an unknown column', 'SELECT nme FROM UNNEST([1]) AS name', /^Unrecognized name: nme.* Correct the statement and run it again\.\n$/],
    ['an unknown table', 'SELECT * FROM salesforce.Nothing', /^Not found: Table .*INFORMATION_SCHEMA\.TABLES lists the tables/],
    ['a typing error', 'SELECT\n1 +', /Correct the statement and run it again\.\n$/],
  ])('%s', async (_, sql, sentence) => {
    expect(await refusal(query(sql), 1)).toMatch(sentence);
  });

  test('a statement that would bill more than --max-gb is not run', async () => {
    const jobs = 'SELECT COUNT(*) AS n FROM `region-eu`.INFORMATION_SCHEMA.JOBS';
    expect(await refusal(query('--max-gb', '0.001', jobs), 1)).toMatch(/ raise the limit of 0\.001 GB with --max-gb\.\n$/);
    expect((await ended(query(jobs))).code).toBe(0);
    expect(await refusal(query('--max-gb', 'all', jobs), 2)).toContain('Use a number greater than 0');
  });
});
