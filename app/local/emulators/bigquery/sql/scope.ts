// Resolves the names in a query.
import { invalidQuery } from '../rest/api-error.ts';
import { type ColumnType, quoted } from '../storage/column-type.ts';
import type { Expression, Place, Query, TablePath } from './tree.ts';
import type { Value } from './value.ts';

/** A stored table as queries see it. */
export interface StoredTable {
  /** dataset.table */
  key: string;
  /** Its name in DuckDB. */
  sql: string;
  columns: { name: string; type: ColumnType; required: boolean }[];
  /** Conditions of row access policies, as GoogleSQL: a query sees the rows that meet one of them. Undefined: all rows. */
  filters: string[] | undefined;
}

/** A view of INFORMATION_SCHEMA as queries see it. */
export interface MetadataView {
  /** TABLES and so on. */
  metadata: string;
  /** A subquery of DuckDB. */
  sql: string;
  columns: OutputColumn[];
}

/** The source of a statement's tables and parameters, and a record of the columns it reads. */
export interface Sources {
  /** Throws notFound. Returns a view as the text of its query. */
  find(path: TablePath): StoredTable | MetadataView | { view: string };
  parameters: Map<string, Value>;
  reads: Map<string, Set<string>>;
  /** The columns that UPDATE or MERGE assign, by table. */
  updates: Map<string, Set<string>>;
  /** The views of INFORMATION_SCHEMA that the statement reads. */
  metadata: Set<string>;
  uniqueName(): string;
}

export interface ScopeColumn {
  name: string | undefined;
  value: Value;
  /** Records that the stored column is read: a query is billed for the columns it names. */
  read(): void;
}

/** One table or subquery in FROM, by its alias. */
export interface Range {
  alias: string | undefined;
  columns: ScopeColumn[];
}

/** A query as DuckDB text; there its columns are named c0, c1, … regardless of their GoogleSQL names. */
export interface CompiledQuery {
  sql: string;
  columns: OutputColumn[];
}

/** A column of a compiled query: its name in GoogleSQL and its name in DuckDB, which is always unique. */
export interface OutputColumn {
  name: string | undefined;
  id: string;
  type: ColumnType;
  literal?: string | undefined;
}

export interface Scope {
  sources: Sources;
  ranges: Range[];
  /** Columns merged by JOIN … USING. */
  merged: ScopeColumn[];
  /** Subqueries in WITH. */
  named: Map<string, CompiledQuery>;
  /** Aliases of the SELECT list, if they can be used here, and whether they take precedence over columns. */
  aliases: Map<string, Value> | undefined;
  aliasesWin: boolean;
  outer: Scope | undefined;
  /** Compiles a query within an expression or FROM. Passed down because a query is compiled from both, so their files cannot import it. */
  compileQuery: (query: Query, outer: Scope) => CompiledQuery;
}

/** A scope in the same statement, without names of its own. */
export const emptyScope = ({ sources, compileQuery }: Pick<Scope, 'sources' | 'compileQuery'>, outer?: Scope): Scope => ({
  sources,
  ranges: [],
  merged: [],
  named: outer?.named ?? new Map(),
  aliases: undefined,
  aliasesWin: false,
  outer,
  compileQuery,
});

/** Names ignore case. Most differ in length, which is cheaper to compare: an object may have 800 columns. */
export const sameName = (one: string | undefined, other: string) =>
  one?.length === other.length && one.toLowerCase() === other.toLowerCase();

/** The range of a stored table. */
export function rangeOfTable(table: StoredTable, id: string, alias: string | undefined, sources: Sources): Range {
  const read = sources.reads.get(table.key) ?? new Set();
  sources.reads.set(table.key, read);
  const columns = table.columns.map((column) => ({
    name: column.name,
    value: { sql: `${id}.${quoted(column.name)}`, type: column.type },
    read: () => void read.add(column.name),
  }));
  return { alias, columns };
}

/** The range of a subquery. */
export function rangeOfQuery(columns: OutputColumn[], id: string, alias: string | undefined): Range {
  return {
    alias,
    columns: columns.map((column) => ({ name: column.name, value: { sql: `${id}.${column.id}`, type: column.type }, read() {} })),
  };
}

/** Resolves a name, or a path of names. Throws if it is unknown or ambiguous. */
export function resolvePath(scope: Scope, path: Extract<Expression, { kind: 'path' }>): Value {
  for (let level: Scope | undefined = scope; level; level = level.outer) {
    const found = resolveHere(level, path.names, path.place);
    if (found) return found;
  }
  throw invalidQuery(`Unrecognized name: ${path.names.join('.')}`, path.place);
}

function resolveHere(scope: Scope, names: string[], place: Place): Value | undefined {
  const [first, second] = names as [string, string | undefined];
  const range = scope.ranges.find((each) => sameName(each.alias, first));
  if (range && second !== undefined) {
    const inside = range.columns.filter((column) => sameName(column.name, second));
    if (inside.length > 1) throw invalidQuery(`Column name ${second} is ambiguous`, place);
    if (inside[0]) return fieldsOf(use(inside[0]), names.slice(2), place);
  }
  const alias = scope.aliases?.get(first.toLowerCase());
  // A table's alias hides a column of the same name and means the whole row.
  const column = range ? undefined : findColumn(scope, first, place);
  if (alias && column && alias.sql !== column.value.sql && !scope.aliasesWin)
    throw invalidQuery(`Name ${first} is ambiguous between a column and an alias`, place);
  const found = alias ?? (column && use(column));
  if (found) return fieldsOf(found, names.slice(1), place);
  if (range && second !== undefined) throw invalidQuery(`Name ${second} not found inside ${first}`, place);
  if (range) throw invalidQuery(`The local BigQuery does not support a whole row as a value (${first})`, place);
  return undefined;
}

function findColumn(scope: Scope, name: string, place: Place): ScopeColumn | undefined {
  const merged = scope.merged.find((column) => sameName(column.name, name));
  if (merged) return merged;
  const found = scope.ranges.flatMap((range) => range.columns).filter((column) => sameName(column.name, name));
  if (found.length > 1) throw invalidQuery(`Column name ${name} is ambiguous`, place);
  return found[0];
}

function use(column: ScopeColumn): Value {
  column.read();
  return column.value;
}

function fieldsOf(of: Value, names: string[], place: Place): Value {
  return names.reduce((struct, name): Value => {
    const field = struct.type.fields?.find((each) => sameName(each.name, name));
    if (!field) throw invalidQuery(`Cannot access field ${name} on a value with type ${struct.type.name}`, place);
    return { sql: `(${struct.sql}).${quoted(field.name)}`, type: field.type };
  }, of);
}
