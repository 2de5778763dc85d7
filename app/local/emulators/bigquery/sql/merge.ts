import { invalidQuery } from '../rest/api-error.ts';
import { quoted, scalar } from '../storage/column-type.ts';
import {
  assigned,
  assignedValue,
  assignments,
  type DmlPlan,
  duplicateMatches,
  findTarget,
  nameOf,
  targetColumns,
  wrongCountError,
} from './dml.ts';
import { compileAs } from './expression.ts';
import { compileFrom } from './from.ts';
import { statementScope } from './query.ts';
import { rangeOfTable, type Scope, type Sources, type StoredTable, sameName } from './scope.ts';
import type { MergeAction, MergeClause, Statement } from './tree.ts';

type Merge = Extract<Statement, { kind: 'merge' }>;

interface Sides {
  target: StoredTable;
  targetName: string;
  /** The scope of ON and WHEN MATCHED: the target first, then the source. */
  both: Scope;
  /** The scope of WHEN NOT MATCHED. */
  source: Scope;
  /** The scope of WHEN NOT MATCHED BY SOURCE. */
  targetOnly: Scope;
}

/** MERGE, with a query that finds target rows matched by more than one source row. */
export function planMerge(merge: Merge, sources: Sources): DmlPlan {
  const target = findTarget(merge.path, sources, 'MERGE');
  const targetId = sources.uniqueName();
  const source = statementScope(sources);
  const { using, stored } = compileSource(merge.source, source);
  const range = rangeOfTable(target, targetId, nameOf(merge), sources);
  if (source.ranges.some((each) => sameName(each.alias, range.alias!))) {
    throw invalidQuery(`Duplicate table alias ${range.alias} in the MERGE statement`, merge.path.place);
  }
  const both = { ...source, ranges: [range, ...source.ranges] };
  const sides: Sides = { target, targetName: nameOf(merge), both, source, targetOnly: { ...statementScope(sources), ranges: [range] } };
  const on = compileAs(merge.on, scalar('BOOL'), both, 'MERGE ON clause', merge.place).sql;
  const clauses = merge.clauses.map((clause) => compileClause(clause, sides));
  const sql = `MERGE INTO ${target.sql} AS ${targetId} USING ${using} ON ${on} ${clauses.map((clause) => clause.sql).join(' ')} RETURNING merge_action`;
  const matched = clauses.filter((clause) => clause.when === 'matched').map((clause) => clause.condition ?? 'true');
  const duplicates = duplicateMatches(target, targetId, ` JOIN ${using} ON ${on}`, matched.join(' OR '));
  const rewritesTarget = merge.clauses.some((clause) => clause.action.kind !== 'insert');
  return {
    kind: 'dml',
    statementType: 'MERGE',
    target,
    sql,
    source: stored,
    duplicates: matched.length > 0 ? duplicates : undefined,
    rewritesTarget,
  };
}

/** DuckDB text of USING; adds its range to the scope. A subquery is read from a table in which it is stored first. */
function compileSource(from: Merge['source'], scope: Scope): { using: string; stored: DmlPlan['source'] } {
  const using = compileFrom(from, scope);
  if (from.kind !== 'subquery') return { using, stored: undefined };
  const name = scope.sources.uniqueName();
  const id = using.slice(using.lastIndexOf(' AS ') + ' AS '.length);
  return { using: `temp.${name} AS ${id}`, stored: { name: `temp.${name}`, sql: `SELECT * FROM ${using}` } };
}

function compileClause(clause: MergeClause, sides: Sides): { sql: string; when: MergeClause['when']; condition: string | undefined } {
  const { when, place } = clause;
  const scope = when === 'matched' ? sides.both : when === 'not matched' ? sides.source : sides.targetOnly;
  const condition = clause.condition && compileAs(clause.condition, scalar('BOOL'), scope, 'WHEN clause', place).sql;
  const action = compileAction(clause.action, scope, sides, place);
  const words = when === 'not matched' ? 'NOT MATCHED BY TARGET' : when.toUpperCase();
  return { sql: `WHEN ${words}${condition ? ` AND ${condition}` : ''} THEN ${action}`, when, condition };
}

function compileAction(action: MergeAction, scope: Scope, { target, targetName }: Sides, place: MergeClause['place']): string {
  if (action.kind === 'delete') return 'DELETE';
  if (action.kind === 'update') return `UPDATE SET ${assignments(action.set, target, scope, targetName)}`;
  const columns = targetColumns(target, action.columns, place);
  const values = action.values === 'row' ? sourceRow(scope) : action.values;
  if (values.length !== columns.length) throw wrongCountError(values.length, columns.length, place);
  const texts = values.map((each, index) => {
    const column = columns[index]!;
    return typeof each === 'object' && 'sql' in each ? assignedValue(each, column, place) : assigned(each, column, scope, place);
  });
  return `INSERT (${columns.map((column) => quoted(column.name)).join(', ')}) VALUES (${texts.join(', ')})`;
}

/** INSERT ROW: the source's columns in order. */
function sourceRow(scope: Scope) {
  return scope.ranges
    .flatMap((range) => range.columns)
    .map((column) => {
      column.read();
      return column.value;
    });
}
