// BigQuery's dialect of GoogleSQL, in Google's own analyzer and evaluator.
import type { ColumnType } from '../../app/core/fields/columns.ts';
import { GoogleSqlServer, type Message } from './google-sql-server.ts';

export interface CatalogColumn {
  name: string;
  type: ColumnType;
}

/** A table. Its name is the whole text between the backticks in a statement. */
export interface CatalogTable {
  name: string;
  columns: readonly CatalogColumn[];
}

/** A table whose columns are all STRING, with its rows. */
export interface FilledTable extends CatalogTable {
  rows: readonly (readonly (string | null)[])[];
}

/** BigQuery's features beyond the current version of the language. Not TIMESTAMP_NANOS: its timestamps have six decimals. */
const FEATURES = [
  'FEATURE_ALTER_COLUMN_SET_DATA_TYPE',
  'FEATURE_ANALYTIC_FUNCTIONS',
  'FEATURE_BIGNUMERIC_TYPE',
  'FEATURE_CREATE_TABLE_CLUSTER_BY',
  'FEATURE_CREATE_TABLE_NOT_NULL',
  'FEATURE_CREATE_TABLE_PARTITION_BY',
  'FEATURE_NUMERIC_TYPE',
  'FEATURE_PARAMETERIZED_TYPES',
];

const TYPE_KINDS: Record<ColumnType, string> = {
  STRING: 'TYPE_STRING',
  BOOL: 'TYPE_BOOL',
  INT64: 'TYPE_INT64',
  FLOAT64: 'TYPE_DOUBLE',
  NUMERIC: 'TYPE_NUMERIC',
  BIGNUMERIC: 'TYPE_BIGNUMERIC',
  DATE: 'TYPE_DATE',
  TIMESTAMP: 'TYPE_TIMESTAMP',
  TIME: 'TYPE_TIME',
};

/** Google's analyzer and evaluator, running. */
export class GoogleSql {
  readonly #server: GoogleSqlServer;
  readonly #language: Message;

  private constructor(server: GoogleSqlServer, language: Message) {
    this.#server = server;
    this.#language = language;
  }

  static async start(modules: string): Promise<GoogleSql> {
    const server = await GoogleSqlServer.start(modules);
    const version = await server.ask('getLanguageOptions', { languageVersion: 'VERSION_CURRENT' });
    const features = [...(version.enabledLanguageFeatures as string[]), ...FEATURES];
    return new GoogleSql(server, {
      ...version,
      productMode: 'PRODUCT_EXTERNAL',
      enabledLanguageFeatures: features,
      // Reserved in BigQuery. Otherwise, QUALIFY without WHERE would be rejected.
      reservedKeywords: ['QUALIFY'],
      // Empty: all kinds.
      supportedStatementKinds: [],
    });
  }

  /**
   * Analyzes a statement against a catalog.
   * @returns the columns that it selects; empty if it selects nothing
   * @throws Error with the analyzer's message if BigQuery would reject the statement
   */
  async analyze(sql: string, tables: readonly CatalogTable[]): Promise<CatalogColumn[]> {
    const queryParameters = [{ name: 'salt', type: { typeKind: TYPE_KINDS.STRING } }];
    const options = { ...this.#options(), queryParameters };
    const reply = await this.#server.ask('analyze', { sqlStatement: sql, options, simpleCatalog: this.#catalog(tables) });
    return outputColumns(reply) ?? [];
  }

  /**
   * Runs a query whose columns are all STRING.
   * @returns its rows
   * @throws Error with the evaluator's message
   */
  async evaluate(sql: string, tables: readonly FilledTable[]): Promise<(string | null)[][]> {
    const content = tables.map(({ name, rows }) => [name, { tableData: { row: rows.map((row) => ({ cell: row.map(textValue) })) } }]);
    const reply = await this.#server.ask('evaluateQuery', {
      sql,
      options: this.#options(),
      simpleCatalog: this.#catalog(tables),
      tableContent: Object.fromEntries(content),
    });
    const { tableData } = reply.content as { tableData: { row?: { cell: { stringValue?: string }[] }[] } };
    return (tableData.row ?? []).map(({ cell }) => cell.map(({ stringValue }) => stringValue ?? null));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  #options(): Message {
    return { languageOptions: this.#language, defaultTimezone: 'UTC' };
  }

  #catalog(tables: readonly CatalogTable[]): Message {
    return {
      name: 'catalog',
      builtinFunctionOptions: { languageOptions: this.#language },
      table: tables.map(({ name, columns }) => ({
        name,
        column: columns.map((column) => ({ name: column.name, type: { typeKind: TYPE_KINDS[column.type] } })),
      })),
    };
  }
}

const textValue = (text: string | null): Message => (text === null ? {} : { stringValue: text });

interface OutputColumn {
  name: string;
  column: { type: { typeKind: string } };
}

/** The list of output columns in an analyzed statement, at whatever depth its kind of statement has it. */
function outputColumns(node: unknown): CatalogColumn[] | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  const { outputColumnList } = node as { outputColumnList?: OutputColumn[] };
  // A set operation inside a statement that selects nothing has a list with this name too, but with different contents.
  if (outputColumnList?.length && outputColumnList.every(({ column }) => column?.type))
    return outputColumnList.map(({ name, column }) => ({ name, type: typeOfKind(column.type.typeKind) }));
  for (const inner of Object.values(node)) {
    const columns = outputColumns(inner);
    if (columns) return columns;
  }
  return undefined;
}

function typeOfKind(kind: string): ColumnType {
  const entry = Object.entries(TYPE_KINDS).find(([, each]) => each === kind);
  if (!entry) throw new Error(`A column has the type ${kind}, which the app does not use.`);
  return entry[0] as ColumnType;
}
