import { gunzipSync } from 'node:zlib';
import { requireConnection } from '../actions/connections/require-connection.ts';
import type { Context } from '../context.ts';
import { csvLine, csvLines } from '../core/csv.ts';
import { errorMessage } from '../core/error-message.ts';
import { type Column, columnsOf, type FieldColumn } from '../core/fields/columns.ts';
import { columnsInClear, policyOf } from '../core/fields/field-policy.ts';
import { AppError } from '../errors.ts';
import { abortQueryJob, createQueryJob, getQueryJob, waitForQueryJob } from '../salesforce/bulk.ts';
import type { SalesforceClient } from '../salesforce/client.ts';
import { describeObject } from '../salesforce/describe.ts';
import { refusalCode } from '../salesforce/errors.ts';
import { queryPath, readRestPage } from '../salesforce/rest.ts';
import { activeConnections, type Connection } from '../store/connections/connections.ts';
import { readDefaultPolicy, readObjectPolicies } from '../store/jobs/default-policy.ts';

/** More than one REST page, and few enough to keep in memory. */
export const MAX_ROWS = 2_500;

/** Enough rows for several pages. */
const MIN_ROWS = 3;

const MAX_JOB_MS = 15 * 60_000;

/** Objects that have rows in most orgs. */
const COMMON_OBJECTS = ['Account', 'Contact', 'Opportunity', 'Lead', 'Case', 'Task', 'User'];

/** A result page as received. */
export interface Page {
  locator: string | null;
  header: (name: string) => string | undefined;
  rows: number;
  /** the Sforce-Locator header, which may be missing */
  next: string | undefined;
  gzip: boolean;
  bytes: Buffer;
  text: Buffer;
}

/** A finished Bulk job, and Salesforce's response to a request for its results before it finished. */
export interface FinishedBulkJob {
  id: string;
  processed: number;
  /** Salesforce's error code, or `available` if the results were already there */
  earlyResponse: string;
}

export interface PageQuery {
  locator?: string | null;
  maxRecords?: number;
  encoding?: 'gzip' | 'identity';
  version?: string;
}

/** An org and one of its objects that has rows. Creates Bulk jobs and deletes them on disposal; writes nothing else. */
export class ProbeOrg {
  readonly context: Context;
  readonly client: SalesforceClient;
  readonly connection: Connection;
  readonly objectName: string;
  /** without those whose values a field policy withholds */
  readonly columns: readonly Column[];
  /** rows of the object, including deleted rows; Infinity if counting times out */
  readonly count: number;
  readonly signal: AbortSignal;
  readonly #print: (line: string) => void;
  readonly #jobs = new Set<string>();
  #job: Promise<FinishedBulkJob> | undefined;
  #pages: Promise<Page[]> | undefined;
  #restRows: Promise<RestRows | undefined> | undefined;

  private constructor(
    context: Context,
    connection: Connection,
    client: SalesforceClient,
    object: { name: string; columns: readonly Column[]; count: number },
    print: (line: string) => void,
    signal: AbortSignal,
  ) {
    this.context = context;
    this.connection = connection;
    this.client = client;
    this.objectName = object.name;
    this.columns = object.columns;
    this.count = object.count;
    this.signal = signal;
    this.#print = print;
  }

  /**
   * @param connectionName its alias, id or user_id; undefined: the first active one
   * @param objectName the object; undefined: a common one that has rows
   * @returns the org, or a clause that says why no org can be checked
   * @throws AppError if the named connection or object does not exist
   */
  static async open(
    context: Context,
    connectionName: string | undefined,
    objectName: string | undefined,
    print: (line: string) => void,
    signal: AbortSignal,
  ): Promise<ProbeOrg | string> {
    const connection =
      connectionName === undefined
        ? (await activeConnections(context.database))[0]
        : await requireConnection(context, connectionName, '--connection');
    if (!connection) return 'the job store has no active connection';
    const client = context.salesforce(connection.id, signal);
    const found = await findObjectWithRows(client, objectName ? [objectName] : COMMON_OBJECTS);
    if (!found) return `${objectName ? `${objectName} has fewer than` : 'no common object has'} ${MIN_ROWS} rows visible to this user`;
    const { name, fields } = await describeObject(client, found.name);
    print(`Salesforce: the object ${name} in the org of ${connection.identityUrl}, API version ${client.version}`);
    const columns = await readableColumns(context, connection, name, columnsOf(fields));
    return new ProbeOrg(context, connection, client, { name, columns, count: found.count }, print, signal);
  }

  get names(): string[] {
    return columnNames(this.columns);
  }

  /** Number of rows in the job below. */
  get rows(): number {
    return Math.min(this.count, MAX_ROWS);
  }

  /** Page size that yields several pages, however few rows there are. */
  get pageRows(): number {
    return Math.min(1_000, Math.ceil(this.rows / 3));
  }

  /** A Bulk job over all columns of up to MAX_ROWS rows; created once. */
  job(): Promise<FinishedBulkJob> {
    this.#job ??= this.runJob(`SELECT ${this.names.join(', ')} FROM ${this.objectName} LIMIT ${MAX_ROWS}`);
    return this.#job;
  }

  /** All pages of that job, compressed; fetched once. */
  pages(): Promise<Page[]> {
    this.#pages ??= this.#fetchPages();
    return this.#pages;
  }

  async runJob(soql: string): Promise<FinishedBulkJob> {
    const id = await createQueryJob(this.client, soql, this.objectName);
    this.#jobs.add(id);
    const earlyResponse = await this.fetchPage(id, {}).then(
      () => 'available',
      (error) => refusalCode(error) ?? errorMessage(error),
    );
    const { state, processed } = await waitForQueryJob(this.client, id, new Date(Date.now() + MAX_JOB_MS), this.signal);
    if (state !== 'JobComplete') throw new AppError('salesforce_refused', `A Bulk job for ${this.objectName} ended with state ${state}.`);
    return { id, processed, earlyResponse };
  }

  async fetchPage(id: string, { locator = null, maxRecords, encoding = 'gzip', version = this.client.version }: PageQuery): Promise<Page> {
    const query = new URLSearchParams({ ...(locator !== null && { locator }), ...(maxRecords && { maxRecords: String(maxRecords) }) });
    const path = `/services/data/v${version}/jobs/query/${id}/results?${query}`;
    const headers = { accept: 'text/csv', 'accept-encoding': encoding };
    const response = await this.client.fetch('fetch a result page', path, this.signal, headers);
    const header = (name: string): string | undefined => [response.headers[name]].flat()[0];
    const bytes = Buffer.from(await response.body.arrayBuffer());
    const gzip = header('content-encoding') === 'gzip';
    return {
      locator,
      header,
      rows: Number(header('sforce-numberofrecords') ?? Number.NaN),
      next: header('sforce-locator'),
      gzip,
      bytes,
      text: gzip ? gunzipSync(bytes) : bytes,
    };
  }

  async #fetchPages(): Promise<Page[]> {
    const { id } = await this.job();
    const pages: Page[] = [];
    for (let locator: string | null = null; ; ) {
      const page = await this.fetchPage(id, { locator, maxRecords: this.pageRows });
      pages.push(page);
      if (page.next === undefined || page.next === 'null' || pages.length > MAX_ROWS) return pages;
      locator = page.next;
    }
  }

  /** Rows by REST, with as many columns as fit in a URL; read once. Undefined if not even one column fits. */
  restRows(): Promise<RestRows | undefined> {
    this.#restRows ??= this.#readRestRows();
    return this.#restRows;
  }

  async #readRestRows(): Promise<RestRows | undefined> {
    const path = (columns: readonly Column[]): string | undefined =>
      queryPath(this.client, `SELECT ${columnNames(columns).join(', ')} FROM ${this.objectName} LIMIT ${MAX_ROWS}`);
    let { columns } = this;
    while (columns.length > 0 && !path(columns)) columns = columns.slice(0, -1);
    const names = columnNames(columns);
    const rows: RestRows = { columns, pages: [], csv: Buffer.from(csvLine(names)), totalSize: 0 };
    for (let next: string | null | undefined = path(columns); next; ) {
      const page = await readRestPage(this.client, next, names, this.signal);
      rows.pages.push(page.rows.length);
      rows.csv = Buffer.concat([rows.csv, csvLines(page.rows)]);
      rows.totalSize = page.totalSize;
      next = page.nextPath;
    }
    return columns.length > 0 ? rows : undefined;
  }

  /** @throws AppError */
  async deleteJob(id: string, client = this.client): Promise<void> {
    await client.call('delete a Bulk job', (connection) =>
      connection.request({ method: 'DELETE', url: `/services/data/v${client.version}/jobs/query/${id}` }),
    );
    this.#jobs.delete(id);
  }

  /** Cleans up even after `signal` aborted and while a job is running. */
  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.context.salesforce(this.connection.id);
    for (const id of this.#jobs) {
      try {
        await abort(client, id);
        await this.deleteJob(id, client);
      } catch (error) {
        this.#print(`Could not delete the Bulk job ${id}; Salesforce deletes it within a week: ${errorMessage(error)}`);
      }
    }
  }
}

/** The columns that may be loaded as they are: no default of the connection and no job of the org withholds their values. */
async function readableColumns(
  { database }: Context,
  { id, orgId }: Connection,
  objectName: string,
  columns: readonly FieldColumn[],
): Promise<FieldColumn[]> {
  const byDefault = policyOf(objectName, {}, await readDefaultPolicy(database, id));
  const jobs = await readObjectPolicies(database, orgId, objectName);
  return columnsInClear(columns, [{ ...byDefault, objectName, cursorField: null, approvedFields: null }, ...jobs]);
}

export function columnNames(columns: readonly Column[]): string[] {
  return columns.map(({ name }) => name);
}

export interface RestRows {
  columns: readonly Column[];
  /** rows of each page */
  pages: number[];
  /** all of them, with a header line */
  csv: Buffer;
  totalSize: number;
}

/** A running job cannot be deleted, and a finished one cannot be aborted. */
async function abort(client: SalesforceClient, id: string): Promise<void> {
  const { state } = await getQueryJob(client, id);
  if (!['JobComplete', 'Failed', 'Aborted'].includes(state)) await abortQueryJob(client, id);
}

async function findObjectWithRows(
  client: SalesforceClient,
  names: readonly string[],
): Promise<{ name: string; count: number } | undefined> {
  for (const name of names) {
    const count = await countAll(client, name, names.length > 1);
    if (count >= MIN_ROWS) return { name, count };
  }
  return undefined;
}

/** @param guess the object may not exist, or not be visible to this user */
async function countAll(client: SalesforceClient, objectName: string, guess: boolean): Promise<number> {
  try {
    const soql = `SELECT COUNT() FROM ${objectName}`;
    return (await client.call(`count ${objectName}`, (connection) => connection.query(soql, { scanAll: true }))).totalSize;
  } catch (error) {
    if (refusalCode(error) === 'QUERY_TIMEOUT') return Number.POSITIVE_INFINITY;
    if (guess && refusalCode(error)) return 0;
    throw error;
  }
}
