import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Agent } from 'undici';
import { estimate } from '../bigquery/estimate.ts';
import { type JobStatistics, runQueryJob } from '../bigquery/jobs.ts';
import { type ResultPage, readResults } from '../bigquery/query-results.ts';
import { openWarehouse, type Warehouse } from '../bigquery/warehouse.ts';
import { readBigQueryConfig } from '../config.ts';
import { isAppError } from '../errors.ts';
import type { Command } from './command.ts';
import { CommandError } from './command-error.ts';
import { terminalTable } from './output/terminal-table.ts';
import { csvRecord, isNumeric, jsonOf, textOf } from './output/values.ts';

interface QueryOptions {
  format: 'table' | 'csv' | 'json';
  write?: boolean;
  maxGb: number;
  data: string;
  portBase?: string;
}

const EXAMPLE = 'npm run query -- "SELECT COUNT(*) AS accounts FROM salesforce.Account"';

/** Advice by BigQuery's reason. For other reasons, the AppError's message has some. */
const ADVICE: Record<string, (options: QueryOptions) => string> = {
  invalidQuery: () => 'Correct the statement and run it again.',
  notFound: () =>
    'Check the name: SELECT table_name FROM <dataset>.INFORMATION_SCHEMA.TABLES lists the tables of a dataset. The first import of a job creates its table.',
  duplicate: () => 'Use another name, or CREATE OR REPLACE.',
  bytesBilledLimitExceeded: ({ maxGb }) => `Select fewer columns or partitions, or raise the limit of ${maxGb} GB with --max-gb.`,
};

/** Runs a statement on the configured BigQuery, or on the emulator if none is configured, and prints the rows. */
export const query: Command<QueryOptions> = async ({ args, options, env, stop }) => {
  const sql = (args.length > 0 ? args.join(' ') : await readStandardInput(stop)).trim();
  if (!sql) throw new CommandError(`Pass a SQL statement as an argument or on standard input, for example: ${EXAMPLE}`);
  if (env.GOOGLE_CLOUD_PROJECT) return await run(env, sql, options, stop);
  const { readSettings } = await import('../local/settings-file.ts');
  const saved = await readSettings(options.data);
  if (saved.GOOGLE_CLOUD_PROJECT) return await run({ ...env, ...saved }, sql, options, stop);
  const { startLocal } = await import('../local/start-local.ts');
  await using local = await startLocal(env, options);
  return await run(local.env, sql, options, stop);
};

async function readStandardInput(stop: AbortSignal): Promise<string> {
  return process.stdin.isTTY ? '' : await text(addAbortSignal(stop, process.stdin)).catch(() => '');
}

async function run(env: NodeJS.ProcessEnv, sql: string, options: QueryOptions, stop: AbortSignal): Promise<number> {
  const warehouse = openWarehouse({ ...readBigQueryConfig(env), federation: undefined }, new Agent()).withSignal(stop);
  try {
    await runStatement(warehouse, sql, options, (part) => write(part, stop));
    return 0;
  } catch (error) {
    // A reader that closed the pipe has all it wants.
    if (stop.aborted) return stop.reason.code === 'EPIPE' ? 0 : 1;
    if (error instanceof CommandError) throw error;
    console.error(describeFailure(error as Error, options));
    return 1;
  }
}

async function runStatement(warehouse: Warehouse, sql: string, options: QueryOptions, print: Print): Promise<void> {
  const { statementType } = await estimate(warehouse, sql);
  if (statementType !== 'SELECT' && !options.write) {
    throw new CommandError(`The statement (${statementType}) was not run because it is not a SELECT. Add --write to run it.`);
  }
  const id = `query_${randomUUID()}`;
  const outcome = await runQueryJob(warehouse, { id, sql, labels: {}, maxBytesBilled: Math.ceil(options.maxGb * 1e9) });
  if (!outcome.succeeded) throw outcome.error;
  if (statementType === 'SELECT') await PRINTERS[options.format](readResults(warehouse, id), print);
  else console.error(describeChange(statementType, outcome.job));
}

type Print = (part: string) => Promise<void>;

async function write(part: string, stop: AbortSignal): Promise<void> {
  if (!process.stdout.write(part)) await once(process.stdout, 'drain', { signal: stop });
}

/** How each format prints the pages of a result. */
const PRINTERS: Record<QueryOptions['format'], (pages: AsyncIterable<ResultPage>, print: Print) => Promise<void>> = {
  table: async (pages, print) => {
    const all: ResultPage[] = [];
    for await (const page of pages) all.push(page);
    const columns = all[0]!.columns.map(({ name, type }) => ({ name, numeric: isNumeric(type) }));
    const rows = all.flatMap((page) => page.rows.map((row) => columns.map(({ name }) => textOf(row[name]) ?? 'NULL')));
    const lines = terminalTable(columns, rows);
    for (const line of lines) await print(`${line}\n`);
    await print(`(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})\n`);
  },
  csv: async (pages, print) => {
    let isFirst = true;
    for await (const { columns, rows } of pages) {
      if (isFirst) await print(csvRecord(columns.map(({ name }) => name)));
      for (const row of rows) await print(csvRecord(columns.map(({ name }) => textOf(row[name]))));
      isFirst = false;
    }
  },
  json: async (pages, print) => {
    let before = '[';
    for await (const { columns, rows } of pages) {
      for (const row of rows) {
        await print(`${before}\n${jsonRecord(columns, row)}`);
        before = ',';
      }
    }
    await print(before === '[' ? '[]\n' : '\n]\n');
  },
};

/** Not JSON.stringify of the whole row: it would move columns with names such as 2026 to the front. */
function jsonRecord(columns: ResultPage['columns'], row: Record<string, unknown>): string {
  return `{${columns.map(({ name }) => `${JSON.stringify(name)}: ${jsonOf(row[name])}`).join(', ')}}`;
}

function describeChange(statementType: string, { inserted, updated, deleted }: JobStatistics): string {
  const counts = Object.entries({ inserted, updated, deleted }).filter(([, rows]) => rows > 0);
  const changed = counts.map(([how, rows]) => `${rows} ${rows === 1 ? 'row' : 'rows'} ${how}`).join(', ');
  return `${statementType} succeeded${changed && `: ${changed}`}.`;
}

/** One line. The user wrote the statement, so BigQuery's own message may be shown. */
function describeFailure(error: Error, options: QueryOptions): string {
  const reason = isAppError(error) ? error.details.bigquery_reason : undefined;
  const advice = ADVICE[String(reason)]?.(options);
  const { message } = advice && Error.isError(error.cause) ? error.cause : error;
  const sentence = message.replaceAll(/\s+/g, ' ').trim();
  return advice ? `${sentence.replace(/\.?$/, '.')} ${advice}` : sentence;
}
