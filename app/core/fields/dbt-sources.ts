import { type Every, intervalMs } from '../jobs/every.ts';
import type { Column } from './columns.ts';
import { columnDescriptions, type KnownField } from './dictionary.ts';

/** A target table that dbt reads. */
export interface DbtTable {
  readonly name: string;
  readonly description: string;
  readonly every: Every;
  /** returns until when the table is complete */
  readonly loadedAtQuery: string;
  /** its dictionary */
  readonly fields: readonly KnownField[];
  /** the columns that every table has */
  readonly ownColumns: readonly Column[];
}

/**
 * A table of a sources.yml, for dbt 1.10.5 or later.
 * @param source the name of its source
 * @param tables the tables of the source, by object: those of the same org
 */
export function toDbtTable(table: DbtTable, source: string, tables: ReadonlyMap<string, string>): object {
  const current = table.fields.filter(({ until }) => until === null);
  const descriptions = columnDescriptions(current);
  const fieldColumns = current.flatMap((field) =>
    field.columnName === null
      ? []
      : [toDbtColumn(field, field.columnName, descriptions.get(field.columnName.toLowerCase())!, source, tables)],
  );
  return {
    name: table.name,
    description: withoutJinja(table.description),
    config: { loaded_at_query: table.loadedAtQuery, freshness: freshnessOf(table.every) },
    columns: [
      ...fieldColumns,
      ...table.ownColumns.map(({ name, description = '', type }) => ({ name, description: withoutJinja(description), data_type: type })),
    ],
  };
}

function toDbtColumn(
  { field, columnType, hashed, refersTo }: KnownField,
  name: string,
  description: string,
  source: string,
  tables: ReadonlyMap<string, string>,
): object {
  // A reference to several objects has no one table to look its Ids up in, and a hash no Id.
  const parent = refersTo?.first.length === 1 && !hashed ? tables.get(refersTo.first[0]!) : undefined;
  const tests = field === 'Id' ? ['unique', 'not_null'] : parent === undefined ? [] : [relationship(source, parent)];
  return {
    name,
    description: withoutJinja(description),
    data_type: columnType,
    ...(tests.length > 0 && { data_tests: tests }),
  };
}

/** A warning: a parent may be a window behind, older than the job's start_date, or hidden from the connection's user. */
function relationship(source: string, parent: string): object {
  return { relationships: { arguments: { to: `source('${source}', '${parent}')`, field: 'Id' }, config: { severity: 'warn' } } };
}

/** A job that keeps up is at most its interval and about half an hour behind. */
function freshnessOf(every: Every): object {
  const minutes = intervalMs(every) / 60_000;
  return {
    warn_after: { count: minutes + 60, period: 'minute' },
    error_after: { count: 2 * minutes + 120, period: 'minute' },
  };
}

/** Labels and help texts are anything; dbt would evaluate templates in them. */
function withoutJinja(text: string): string {
  return text.replaceAll(/\{(?=[{%#])/g, '{ ');
}
