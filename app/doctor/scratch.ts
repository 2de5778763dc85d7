import { randomBytes } from 'node:crypto';
import { httpStatus, translateBigQueryError } from '../bigquery/errors.ts';
import { type JobOutcome, outcomeOf, waitForJob } from '../bigquery/jobs.ts';
import { type Load, loadPage } from '../bigquery/load.ts';
import type { Job, Table } from '../bigquery/resources.ts';
import type { TableName } from '../bigquery/sql.ts';
import { ensureStagingTable } from '../bigquery/tables.ts';
import type { Warehouse } from '../bigquery/warehouse.ts';
import { csvLine } from '../core/csv.ts';
import { isAppError } from '../errors.ts';
import { tell } from './tell.ts';

const HOUR_MS = 3_600_000;

/** A dataset of its own, which goes at the end; where none may be made, the staging dataset, and then its tables go one by one. */
export class Scratch {
  /** with the upload protocol that was found to work */
  warehouse: Warehouse;
  readonly dataset: string;
  readonly signal: AbortSignal;
  readonly #isOwn: boolean;
  readonly #prefix: string;
  readonly #print: (line: string) => void;
  readonly #tables: string[] = [];
  #names = 0;

  private constructor(warehouse: Warehouse, prefix: string, isOwn: boolean, print: (line: string) => void, signal: AbortSignal) {
    this.warehouse = warehouse;
    this.#prefix = prefix;
    this.#isOwn = isOwn;
    this.dataset = isOwn ? prefix : warehouse.stagingDataset;
    this.#print = print;
    this.signal = signal;
  }

  /** @throws AppError */
  static async open(warehouse: Warehouse, print: (line: string) => void, signal: AbortSignal): Promise<Scratch> {
    const prefix = `doctor_${randomBytes(8).toString('hex')}`;
    const isOwn = await makeDataset(warehouse, prefix);
    const scratch = new Scratch(warehouse, prefix, isOwn, print, signal);
    const why = isOwn ? 'made for this, and taken away at the end' : 'the staging dataset, since this account may not make datasets';
    print(`BigQuery: the dataset ${scratch.dataset} in ${warehouse.location}, ${why}`);
    return scratch;
  }

  /** For a table or a job: used once. */
  name(): string {
    return `${this.#prefix}_${++this.#names}`;
  }

  /** A name for a table, which is taken away at the end if something made it. */
  tableName(): TableName {
    const table = this.name();
    this.#tables.push(table);
    return { project: this.warehouse.project, dataset: this.dataset, table };
  }

  /** In back-ticks, for a statement. */
  quoted({ project, dataset, table }: TableName): string {
    return `\`${project}.${dataset}.${table}\``;
  }

  /** A new all-STRING table, as the service's staging tables are. */
  async table(columns: readonly string[], labels: Record<string, string> = {}): Promise<TableName> {
    const name = this.tableName();
    await ensureStagingTable(this.warehouse, name, columns, this.expiresAt(), labels);
    return name;
  }

  expiresAt(): Date {
    return new Date(Date.now() + HOUR_MS);
  }

  async metadata({ dataset, table }: TableName): Promise<Table | undefined> {
    try {
      const [metadata] = await this.warehouse.client.dataset(dataset).table(table).getMetadata();
      return metadata as Table;
    } catch (error) {
      if (httpStatus(error) === 404) return undefined;
      throw translateBigQueryError(error, 'look at a table');
    }
  }

  load(table: TableName, columns: readonly string[]): Load {
    return { jobId: this.name(), table, columns, labels: {} };
  }

  /** Loads bytes as the service loads a page. */
  async loadBytes(table: TableName, columns: readonly string[], bytes: Buffer): Promise<JobOutcome> {
    return await loadPage(this.warehouse, this.load(table, columns), once(bytes), this.signal);
  }

  /** Loads one row with an Id and a value, the value's bytes as they are, between quotes. @returns what BigQuery then has for it */
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
    try {
      const [rows] = await this.warehouse.client.query({ query: sql, location: this.warehouse.location, useLegacySql: false });
      return rows as Row[];
    } catch (error) {
      throw translateBigQueryError(error, 'ask for rows');
    }
  }

  /** Has a statement run to its end, whatever that is. @param query further settings of it */
  async run(sql: string, query: object = {}): Promise<Job> {
    const id = this.name();
    await this.createJob(id, sql, query);
    return await waitForJob(this.warehouse, id, this.signal);
  }

  /** @throws AppError where it did not succeed */
  async statement(sql: string): Promise<Job> {
    const job = await this.run(sql);
    const outcome = outcomeOf(job, 'run a statement');
    if (!outcome.succeeded) throw outcome.error;
    return job;
  }

  async createJob(id: string, sql: string, query: object = {}): Promise<void> {
    const { client, location } = this.warehouse;
    await client.createJob({ jobId: id, location, configuration: { query: { query: sql, useLegacySql: false, ...query } } });
  }

  /** Bytes that a statement would read. */
  async dryRun(sql: string): Promise<number> {
    const { client, location } = this.warehouse;
    const configuration = { dryRun: true, query: { query: sql, useLegacySql: false } };
    const [, job] = await client.createJob({ location, configuration });
    return Number(job.statistics?.totalBytesProcessed ?? Number.NaN);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { client } = this.warehouse;
    try {
      if (this.#isOwn) await client.dataset(this.dataset).delete({ force: true });
      else for (const table of this.#tables) await client.dataset(this.dataset).table(table).delete({ ignoreNotFound: true });
    } catch (error) {
      const reason = tell(translateBigQueryError(error, `take ${this.#prefix} away`));
      this.#print(`The dataset ${this.dataset} holds what is left of this, which goes within the hour: ${reason}`);
    }
  }
}

/** @returns false where the account may not */
async function makeDataset({ client, location }: Warehouse, name: string): Promise<boolean> {
  try {
    await client.createDataset(name, { location, defaultTableExpirationMs: String(HOUR_MS) });
    return true;
  } catch (error) {
    if (httpStatus(error) === 403) return false;
    throw translateBigQueryError(error, 'make a dataset');
  }
}

export async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** BigQuery's reason of a refusal; undefined where there was none. */
export function reasonOf(error: unknown): string | undefined {
  if (isAppError(error)) return String(error.details.bigquery_reason ?? error.code);
  const { errors } = error as { errors?: { reason?: string }[] };
  return errors?.[0]?.reason;
}
