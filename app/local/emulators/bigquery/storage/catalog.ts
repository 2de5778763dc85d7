// Datasets and tables: resources in memory, stored in DuckDB in the same transaction as their rows.
import { createHash, randomUUID } from 'node:crypto';
import type { DuckDBValue } from '@duckdb/node-api';
import { ApiError } from '../rest/api-error.ts';
import { bytesExpression, type Field, quoted, storedAs, typeOfField } from './column-type.ts';
import { type Database, deleteResource, queryRows, readResources, saveResource, type Transaction } from './database.ts';
import { isRequired, storedSql, type TableEntry, tableKey } from './table.ts';

export interface DatasetResource {
  kind: 'bigquery#dataset';
  id: string;
  etag: string;
  location: string;
  datasetReference: { projectId: string; datasetId: string };
  creationTime: string;
  lastModifiedTime: string;
  defaultTableExpirationMs?: string;
  defaultPartitionExpirationMs?: string;
  [more: string]: unknown;
}

/** DuckDB's names ignore case, BigQuery's tables do not, so stored tables have names of their own. */
const newStoredName = () => `t_${randomUUID().replaceAll('-', '')}`;

export class Catalog {
  readonly project: string;
  readonly location: string;
  readonly #database: Database;
  readonly #now: () => number;
  readonly #datasets = new Map<string, DatasetResource>();
  readonly #tables = new Map<string, TableEntry>();
  /** What was computed from the rows of a stored table, until they change. */
  readonly #computed = new Map<string, Map<string, Promise<DuckDBValue[]>>>();

  private constructor(database: Database, options: { project: string; location: string; now: () => number }) {
    this.#database = database;
    this.project = options.project;
    this.location = options.location;
    this.#now = options.now;
  }

  static async open(database: Database, options: { project: string; location: string; now: () => number }): Promise<Catalog> {
    const catalog = new Catalog(database, options);
    for (const dataset of await readResources<DatasetResource>(database, 'dataset')) {
      catalog.#datasets.set(dataset.datasetReference.datasetId, dataset);
    }
    for (const table of await readResources<TableEntry>(database, 'table')) catalog.#tables.set(table.key, table);
    return catalog;
  }

  nowText(): string {
    return String(this.#now());
  }

  datasets(): DatasetResource[] {
    return [...this.#datasets.values()];
  }

  dataset(datasetId: string): DatasetResource {
    const found = this.#datasets.get(datasetId);
    if (!found) throw new ApiError('notFound', `Not found: Dataset ${this.project}:${datasetId}`);
    return found;
  }

  /** The dataset, as seen by a job in this location. */
  datasetIn(datasetId: string, location: string): DatasetResource {
    const found = this.#datasets.get(datasetId);
    if (found && sameLocation(found.location, location)) return found;
    throw new ApiError('notFound', `Not found: Dataset ${this.project}:${datasetId} was not found in location ${location}`);
  }

  tables(datasetId: string): TableEntry[] {
    this.dataset(datasetId);
    return this.all().filter((table) => table.resource.tableReference.datasetId === datasetId);
  }

  /** All tables and views that have not expired. */
  all(): TableEntry[] {
    return [...this.#tables.values()].filter((table) => !this.#isExpired(table));
  }

  /** A table that exists and has not expired. */
  findTable(reference: { datasetId: string; tableId: string }): TableEntry | undefined {
    const found = this.#tables.get(tableKey(reference));
    return found && !this.#isExpired(found) ? found : undefined;
  }

  table(reference: { datasetId: string; tableId: string }): TableEntry {
    this.dataset(reference.datasetId);
    const found = this.findTable(reference);
    if (!found) throw new ApiError('notFound', `Not found: Table ${this.project}:${tableKey(reference)}`);
    return found;
  }

  #isExpired({ resource }: TableEntry): boolean {
    return resource.expirationTime !== undefined && Number(resource.expirationTime) <= this.#now();
  }

  async putDataset(transaction: Transaction, resource: DatasetResource): Promise<DatasetResource> {
    const { datasetId } = resource.datasetReference;
    const kept = { ...resource, lastModifiedTime: this.nowText(), etag: etagOf(resource, this.nowText()) };
    await saveResource(transaction, 'dataset', datasetId, kept);
    transaction.afterCommit(() => this.#datasets.set(datasetId, kept));
    return kept;
  }

  async removeDataset(transaction: Transaction, datasetId: string): Promise<void> {
    for (const table of [...this.#tables.values()].filter((each) => each.resource.tableReference.datasetId === datasetId)) {
      await this.removeTable(transaction, table);
    }
    await deleteResource(transaction, 'dataset', datasetId);
    transaction.afterCommit(() => this.#datasets.delete(datasetId));
  }

  /** Stores a table's resource with a new etag; drops the rows of the table that it replaces. */
  async putTable(transaction: Transaction, entry: TableEntry): Promise<TableEntry> {
    const before = this.#tables.get(entry.key);
    if (before?.stored && before.stored !== entry.stored) await dropStored(transaction, before.stored);
    const now = this.nowText();
    const kept = { ...entry, resource: { ...entry.resource, lastModifiedTime: now, etag: etagOf(entry.resource, now) } };
    await saveResource(transaction, 'table', entry.key, kept);
    transaction.afterCommit(() => {
      this.#tables.set(entry.key, kept);
      this.forgetRows(entry);
    });
    return kept;
  }

  async removeTable(transaction: Transaction, entry: TableEntry): Promise<void> {
    if (entry.stored) await dropStored(transaction, entry.stored);
    await deleteResource(transaction, 'table', entry.key);
    transaction.afterCommit(() => {
      this.#tables.delete(entry.key);
      this.forgetRows(entry);
    });
  }

  /** Creates an empty stored table for these fields. */
  async createStored(transaction: Transaction, fields: Field[]): Promise<string> {
    const stored = newStoredName();
    const columns = fields.map((field) => `${quoted(field.name)} ${storedAs(typeOfField(field))}${isRequired(field) ? ' NOT NULL' : ''}`);
    // DuckDB requires at least one column, BigQuery does not.
    const list = columns.length > 0 ? columns.join(', ') : '"_no_columns" BOOLEAN';
    await transaction.connection.run(`CREATE TABLE ${storedSql(stored)} (${list})`);
    return stored;
  }

  async rowCount({ stored }: TableEntry): Promise<number> {
    if (!stored) return 0;
    const [count] = await this.#computeOnce(stored, ['count(*)']);
    return Number(count);
  }

  /** Logical bytes of each column, by BigQuery's data sizes. */
  async columnBytes({ stored, resource }: TableEntry): Promise<Map<string, number>> {
    const { fields } = resource.schema;
    if (!stored || fields.length === 0) return new Map();
    const sums = fields.map((field) => bytesExpression(quoted(field.name), typeOfField(field)));
    const bytes = await this.#computeOnce(stored, sums);
    return new Map(fields.map((field, index) => [field.name, Number(bytes[index])]));
  }

  /** The smallest value of an expression in milliseconds over the rows of a table; undefined: NULL in all of them. */
  async smallest({ stored }: TableEntry, expression: string): Promise<number | undefined> {
    if (!stored) return undefined;
    const [smallest] = await this.#computeOnce(stored, [`epoch_ms(min(${expression}))`]);
    return smallest === null ? undefined : Number(smallest);
  }

  /** Marks the table's rows as changed. */
  forgetRows({ stored }: TableEntry): void {
    if (stored) this.#computed.delete(stored);
  }

  /** Aggregates over all rows of a stored table, computed again only after they change. */
  #computeOnce(stored: string, aggregates: string[]): Promise<DuckDBValue[]> {
    const computed = this.#computed.get(stored) ?? new Map<string, Promise<DuckDBValue[]>>();
    this.#computed.set(stored, computed);
    const list = aggregates.join(', ');
    const known = computed.get(list);
    if (known) return known;
    const values = this.#compute(stored, list);
    computed.set(list, values);
    values.catch(() => computed.delete(list));
    return values;
  }

  async #compute(stored: string, list: string): Promise<DuckDBValue[]> {
    const sql = `SELECT ${list} FROM ${storedSql(stored)}`;
    const [row] = await this.#database.withConnection((connection) => queryRows(connection, sql));
    return row!;
  }
}

/** A restart may drop the rows of an expired table before its resource. */
const dropStored = ({ connection }: Transaction, stored: string) => connection.run(`DROP TABLE IF EXISTS ${storedSql(stored)}`);

export const sameLocation = (one: string, other: string) => one.toUpperCase() === other.toUpperCase();

const etagOf = (resource: object, now: string) =>
  createHash('sha256').update(JSON.stringify(resource)).update(now).update(randomUUID()).digest('base64url').slice(0, 22);
