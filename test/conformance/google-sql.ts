// GoogleSQL as BigQuery speaks it, asked of Google's own analyzer and evaluator.
import type { ColumnType } from '../../app/core/columns.ts';
import { GoogleSqlServer, type Message } from './google-sql-server.ts';

export interface CatalogColumn {
  name: string;
  type: ColumnType;
}

/** A table as statements name it: the whole text between the back-ticks. */
export interface CatalogTable {
  name: string;
  columns: readonly CatalogColumn[];
}

/** Rows of text for an all-STRING table. */
export interface FilledTable extends CatalogTable {
  rows: readonly (readonly (string | null)[])[];
}

/** What BigQuery has beyond the current version of the language. Not TIMESTAMP_NANOS: its timestamps have six decimals. */
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
      // A reserved word in BigQuery; where it is none, QUALIFY without WHERE is refused.
      reservedKeywords: ['QUALIFY'],
      // None named: all kinds.
      supportedStatementKinds: [],
    });
  }

  /**
   * Analyzes a statement against a catalog; gives the columns of what it selects, none where it selects nothing.
   * @throws Error with the analyzer's words, where BigQuery would refuse the statement
   */
  async analyze(sql: string, tables: readonly CatalogTable[]): Promise<CatalogColumn[]> {
    const reply = await this.#server.ask('analyze', { sqlStatement: sql, options: this.#options(), simpleCatalog: this.#catalog(tables) });
    return outputColumns(reply) ?? [];
  }

  /**
   * Runs a query whose columns are all STRING; gives its rows.
   * @throws Error with the evaluator's words
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

/** The one list of output columns in an analyzed statement, however deep its kind of statement keeps it. */
function outputColumns(node: unknown): CatalogColumn[] | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  const { outputColumnList } = node as { outputColumnList?: OutputColumn[] };
  // A set operation inside a statement that selects nothing has a list of this name too, of other things.
  if (outputColumnList?.length && outputColumnList.every(({ column }) => column?.type))
    return outputColumnList.map(({ name, column }) => ({ name, type: typeOfKind(column.type.typeKind) }));
  for (const inner of Object.values(node)) {
    const found = outputColumns(inner);
    if (found) return found;
  }
  return undefined;
}

function typeOfKind(kind: string): ColumnType {
  const found = Object.entries(TYPE_KINDS).find(([, each]) => each === kind);
  if (!found) throw new Error(`A column of type ${kind}, which the app does not have`);
  return found[0] as ColumnType;
}
