import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type BigQueryEmulator, startBigQuery } from '../../../app/local/emulators/bigquery/rest/bigquery.ts';

let bigquery: BigQueryEmulator;
beforeAll(async () => {
  bigquery = await startBigQuery();
});
afterAll(() => bigquery.close());

function query(...args: string[]): ChildProcess {
  const { PATH, HOME } = process.env;
  const { project, location, url } = bigquery;
  const env = { PATH, HOME, GOOGLE_CLOUD_PROJECT: project, BIGQUERY_LOCATION: location, BIGQUERY_API_ENDPOINT: url };
  return spawn(process.execPath, ['app/cli.ts', 'query', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
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
    // A table has three lines of frame and one of names.
    expect(output.trimEnd().split('\n').length).toBe(ROWS + 4);
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
