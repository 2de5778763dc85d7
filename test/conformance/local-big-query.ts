// The BigQuery emulator, called as production calls BigQuery: with Google's client, over HTTP.
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BigQuery } from '@google-cloud/bigquery';
import { PassThroughClient } from 'google-auth-library';
import { type BigQueryEmulator, startBigQuery } from '../../app/local/emulators/bigquery/rest/bigquery.ts';
import type { CatalogTable, FilledTable } from './google-sql.ts';

/** A statement and the tables it needs. */
export interface Planned {
  sql: string;
  tables: readonly CatalogTable[];
}

export interface Refusal {
  sql: string;
  message: string;
}

/** A separate emulator, initially empty. */
export class LocalBigQuery {
  readonly #emulator: BigQueryEmulator;
  readonly #client: BigQuery;

  private constructor(emulator: BigQueryEmulator) {
    this.#emulator = emulator;
    const { project: projectId, url: apiEndpoint } = emulator;
    this.#client = new BigQuery({ projectId, apiEndpoint, authClient: new PassThroughClient() as never, maxRetries: 0 });
  }

  static async start(project: string, dataset: string): Promise<LocalBigQuery> {
    const local = new LocalBigQuery(await startBigQuery({ project }));
    await local.#client.createDataset(dataset);
    return local;
  }

  /** Loads tables of text as production does, from CSV with every value quoted. NULL is an empty, unquoted value. */
  async fill(tables: readonly FilledTable[]): Promise<void> {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'conformance-'));
    const file = join(folder.path, 'rows.csv');
    for (const { name, columns, rows } of tables) {
      const { dataset, table } = parts(name);
      await writeFile(file, rows.map((row) => `${row.map(csvValue).join(',')}\n`).join(''));
      await this.#client
        .dataset(dataset)
        .table(table)
        .load(file, {
          sourceFormat: 'CSV',
          schema: { fields: [...columns] },
          allowQuotedNewlines: true,
          preserveAsciiControlCharacters: true,
          writeDisposition: 'WRITE_TRUNCATE',
        });
    }
  }

  /** Runs a statement. @returns its rows, with INT64 values as the client's BigQueryInt */
  async query(query: string): Promise<Record<string, unknown>[]> {
    const [rows] = await this.#client.query({ query, wrapIntegers: true });
    return rows as Record<string, unknown>[];
  }

  /** Creates the tables that the statements need, dry-runs each statement and drops the tables. @returns the rejected statements */
  async refusals(statements: readonly Planned[]): Promise<Refusal[]> {
    const tables = new Map(statements.flatMap(({ tables }) => tables.map((table) => [table.name, table] as const)));
    for (const { name, columns } of tables.values()) {
      const { dataset, table } = parts(name);
      await this.#client.dataset(dataset).createTable(table, { schema: { fields: [...columns] } });
    }
    const refused: Refusal[] = [];
    for (const { sql } of statements) {
      await this.#client
        .createQueryJob({ query: sql, dryRun: true, params: { salt: 'a salt' } })
        .catch(({ message }: Error) => refused.push({ sql, message }));
    }
    for (const name of tables.keys()) {
      const { dataset, table } = parts(name);
      await this.#client.dataset(dataset).table(table).delete();
    }
    return refused;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#emulator.close();
  }
}

function parts(name: string): { dataset: string; table: string } {
  const [, dataset, table] = name.split('.') as [string, string, string];
  return { dataset, table };
}

const csvValue = (text: string | null): string => (text === null ? '' : `"${text.replaceAll('"', '""')}"`);
