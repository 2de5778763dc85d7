import { randomBytes } from 'node:crypto';
import { fallbackOnStatus } from '../bigquery/fallback-on-status.ts';
import { type JobOutcome, query, toOutcome, waitForJob } from '../bigquery/jobs.ts';
import { type Load, loadPage } from '../bigquery/load/load.ts';
import type { Job, Table } from '../bigquery/resources.ts';
import type { TableName } from '../bigquery/sql/quote.ts';
import { getTable } from '../bigquery/tables/table.ts';
import { ensureStagingTable } from '../bigquery/tables/tables.ts';
import type { Warehouse } from '../bigquery/warehouse.ts';
import { csvLine } from '../core/csv.ts';
import { errorMessage } from '../core/error-message.ts';
import { isAppError } from '../errors.ts';

const HOUR_MS = 3_600_000;

/** A temporary dataset, deleted on disposal. If the account may not create datasets: the staging dataset, where each table is deleted. */
export class ScratchDataset {
  /** uses the upload protocol that was found to work */
  warehouse: Warehouse;
  readonly dataset: string;
  readonly signal: AbortSignal;
  /** outlives `signal`, for cleaning up */
  readonly #unstopped: Warehouse;
  readonly #isOwn: boolean;
  readonly #prefix: string;
  readonly #print: (line: string) => void;
  readonly #tables: string[] = [];
  #names = 0;

  private constructor(warehouse: Warehouse, prefix: string, isOwn: boolean, print: (line: string) => void, signal: AbortSignal) {
    this.warehouse = warehouse.withSignal(signal);
    this.#unstopped = warehouse;
    this.#prefix = prefix;
    this.#isOwn = isOwn;
    this.dataset = isOwn ? prefix : warehouse.stagingDataset;
    this.#print = print;
    this.signal = signal;
  }

  /** @throws AppError */
  static async open(warehouse: Warehouse, print: (line: string) => void, signal: AbortSignal): Promise<ScratchDataset> {
    const prefix = `doctor_${randomBytes(8).toString('hex')}`;
    const isOwn = await createDataset(warehouse, prefix);
    const scratch = new ScratchDataset(warehouse, prefix, isOwn, print, signal);
    const why = isOwn ? 'temporary, deleted at the end' : 'the staging dataset, because this account may not create datasets';
    print(`BigQuery: the dataset ${scratch.dataset} in ${warehouse.location}, ${why}`);
    return scratch;
  }

  /** A unique name for a table or a job. */
  name(): string {
    return `${this.#prefix}_${++this.#names}`;
  }

  /** A name for a table, which is deleted on disposal if it exists. */
  tableName(): TableName {
    const table = this.name();
    this.#tables.push(table);
    return { project: this.warehouse.project, dataset: this.dataset, table };
  }

  /** The name in backticks, for a statement. */
  quoted({ project, dataset, table }: TableName): string {
    return `\`${project}.${dataset}.${table}\``;
  }

  /** Creates an all-STRING table like the service's staging tables. */
  async table(columns: readonly string[], labels: Record<string, string> = {}): Promise<TableName> {
    const name = this.tableName();
    await ensureStagingTable(this.warehouse, name, columns, this.expiresAt(), labels);
    return name;
  }

  expiresAt(): Date {
    return new Date(Date.now() + HOUR_MS);
  }

  async metadata(name: TableName): Promise<Table | undefined> {
    return await getTable(this.warehouse, name);
  }

  load(table: TableName, columns: readonly string[]): Load {
    return { jobId: this.name(), table, columns, labels: {} };
  }

  /** Loads bytes the way the service loads a page. */
  async loadBytes(table: TableName, columns: readonly string[], bytes: Buffer): Promise<JobOutcome> {
    return await loadPage(this.warehouse, this.load(table, columns), singleChunk(bytes));
  }

  /** Loads one row with an Id and a quoted value, given as raw bytes. @returns the value that BigQuery stored */
  async storedValue(value: Buffer): Promise<unknown> {
    const columns = ['Id', 'Value'];
    const table = await this.table(columns);
    const page = Buffer.concat([Buffer.from(`${csvLine(columns)}"1","`), value, Buffer.from('"\n')]);
    const loaded = await this.loadBytes(table, columns, page);
    if (!loaded.succeeded) throw loaded.error;
    const [row] = await this.rows<{ Value: unknown }>(`SELECT Value FROM ${this.quoted(table)}`);
    return row?.Value;
  }

  async rows<Row>(sql: string): Promise<Row[]> {
    return await query<Row>(this.warehouse, sql, {});
  }

  /** Runs a statement until it succeeds or fails. @param settings additional query settings */
  async run(sql: string, settings: object = {}): Promise<Job> {
    const id = this.name();
    await this.createJob(id, sql, settings);
    return await waitForJob(this.warehouse, id);
  }

  /** @throws AppError if it fails */
  async statement(sql: string): Promise<Job> {
    const job = await this.run(sql);
    const outcome = toOutcome(job, 'run a statement');
    if (!outcome.succeeded) throw outcome.error;
    return job;
  }

  /** @returns false if the id is already used */
  async createJob(id: string, sql: string, settings: object = {}): Promise<boolean> {
    const { location } = this.warehouse;
    const options = { jobId: id, location, configuration: { query: { query: sql, useLegacySql: false, ...settings } } };
    return await this.warehouse.call('run a statement', (client) =>
      fallbackOnStatus(
        409,
        false,
        client.createJob(options).then(() => true),
      ),
    );
  }

  /** The bytes that a statement would read. */
  async dryRun(sql: string): Promise<number> {
    const { location } = this.warehouse;
    const configuration = { dryRun: true, query: { query: sql, useLegacySql: false } };
    const [, job] = await this.warehouse.call('estimate a statement', (client) => client.createJob({ location, configuration }));
    return Number(job.statistics?.totalBytesProcessed ?? Number.NaN);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const doing = `delete ${this.#prefix}`;
    const [dataset, isOwn] = [this.dataset, this.#isOwn];
    try {
      if (isOwn) await this.#unstopped.call(doing, (client) => client.dataset(dataset).delete({ force: true }));
      for (const table of isOwn ? [] : this.#tables) {
        await this.#unstopped.call(doing, (client) => client.dataset(dataset).table(table).delete({ ignoreNotFound: true }));
      }
    } catch (error) {
      this.#print(`Could not clean up the dataset ${dataset}; its doctor tables expire within the hour: ${errorMessage(error)}`);
    }
  }
}

/** @returns false if the account may not create datasets */
async function createDataset(warehouse: Warehouse, name: string): Promise<boolean> {
  const options = { location: warehouse.location, defaultTableExpirationMs: String(HOUR_MS) };
  return await warehouse.call('create a dataset', (client) =>
    fallbackOnStatus(
      403,
      false,
      client.createDataset(name, options).then(() => true),
    ),
  );
}

export async function* singleChunk(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** BigQuery's reason for an error; undefined if it gave none. */
export function bigQueryReason(error: unknown): string | undefined {
  if (isAppError(error)) return String(error.details.bigquery_reason ?? error.code);
  const { errors } = error as { errors?: { reason?: string }[] };
  return errors?.[0]?.reason;
}
