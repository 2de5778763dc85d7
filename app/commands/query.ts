import { parseArgs } from 'node:util';
import { Agent } from 'undici';
import { query as ask } from '../bigquery/jobs.ts';
import { openWarehouse } from '../bigquery/warehouse.ts';
import { readBigQueryConfig } from '../config.ts';
import { isAppError } from '../errors.ts';
import type { Command } from './command.ts';
import { CommandError } from './command-error.ts';

/** Runs a query on the configured BigQuery, or on the emulator if none is configured, and prints the rows. */
export const query: Command = async ({ args, env }) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { data: { type: 'string', default: '.local' }, 'port-base': { type: 'string' } },
  });
  const sql = positionals.join(' ').trim();
  if (!sql)
    throw new CommandError('Pass a SQL statement, for example: npm run query -- "SELECT COUNT(*) AS accounts FROM salesforce.Account"');
  if (env.GOOGLE_CLOUD_PROJECT) return await print(env, sql);
  const { startLocal } = await import('../local/start-local.ts');
  await using local = await startLocal(env, values);
  return await print(local.env, sql);
};

async function print(env: NodeJS.ProcessEnv, sql: string): Promise<number> {
  const dispatcher = new Agent();
  const warehouse = openWarehouse({ ...readBigQueryConfig(env), federation: undefined }, dispatcher);
  let rows: Record<string, unknown>[];
  try {
    rows = await ask(warehouse, sql, {});
  } catch (error) {
    // The user wrote the statement, so BigQuery's own message may be shown.
    const refused = isAppError(error) && error.details.bigquery_reason !== undefined && Error.isError(error.cause);
    console.error(((refused ? error.cause : error) as Error).message);
    return 1;
  }
  console.table(rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]))));
  return 0;
}

/** Unwraps the client library's dates, times and decimals. */
function plain(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if ('value' in value) return value.value;
  return Array.isArray(value) ? value.map(plain).join(', ') : String(value);
}
