// The syntax tree of a statement, before names are resolved.
import type { ColumnType, ScalarName } from '../storage/column-type.ts';

export interface Place {
  line: number;
  column: number;
}

export interface OrderItem {
  value: Expression;
  descending: boolean;
  nullsFirst: boolean | undefined;
}

export interface Window {
  partitionBy: Expression[];
  orderBy: OrderItem[];
  frame: string | undefined;
}

export interface Call {
  kind: 'call';
  name: string;
  /** Written as SAFE.name(…): an error becomes NULL. */
  safe: boolean;
  arguments: Expression[];
  star: boolean;
  distinct: boolean;
  nulls: 'IGNORE' | 'RESPECT' | undefined;
  orderBy: OrderItem[];
  limit: string | undefined;
  window: Window | undefined;
  place: Place;
}

export type Expression =
  | { kind: 'null' }
  | { kind: 'literal'; type: ScalarName; value: string; place: Place; typed: boolean }
  | { kind: 'path'; names: string[]; place: Place }
  | { kind: 'parameter'; name: string; place: Place }
  | { kind: 'unary'; operator: '-' | '+' | 'NOT'; value: Expression; place: Place }
  | { kind: 'binary'; operator: string; left: Expression; right: Expression; place: Place }
  | { kind: 'is'; value: Expression; what: 'NULL' | 'TRUE' | 'FALSE'; not: boolean; place: Place }
  | { kind: 'in'; value: Expression; list?: Expression[]; query?: Query; array?: Expression; not: boolean; place: Place }
  | { kind: 'between'; value: Expression; low: Expression; high: Expression; not: boolean; place: Place }
  | {
      kind: 'case';
      operand: Expression | undefined;
      branches: { when: Expression; result: Expression }[];
      otherwise: Expression;
      place: Place;
    }
  | { kind: 'cast'; value: Expression; type: ColumnType; safe: boolean; place: Place }
  | { kind: 'extract'; part: string; value: Expression; place: Place }
  | { kind: 'interval'; value: Expression; part: string; place: Place }
  | { kind: 'part'; name: string }
  | { kind: 'subquery'; query: Query; exists: boolean; place: Place }
  | { kind: 'array'; items: Expression[]; place: Place }
  | { kind: 'struct'; fields: { name: string; value: Expression }[]; place: Place }
  | Call;

export type SelectItem =
  | { kind: 'value'; value: Expression; alias: string | undefined }
  | { kind: 'star'; qualifier: string | undefined; except: string[]; replace: { name: string; value: Expression }[]; place: Place };

export interface Select {
  kind: 'select';
  distinct: boolean;
  items: SelectItem[];
  from: From | undefined;
  where: Expression | undefined;
  groupBy: Expression[] | undefined;
  having: Expression | undefined;
  qualify: Expression | undefined;
  place: Place;
}

export type Body = Select | { kind: 'set'; operator: string; left: Body; right: Body; place: Place } | { kind: 'query'; query: Query };

export interface Query {
  with: { name: string; query: Query; place: Place }[];
  body: Body;
  orderBy: OrderItem[];
  limit: Expression | undefined;
  offset: Expression | undefined;
}

export interface TablePath {
  names: string[];
  place: Place;
}

export type From =
  | { kind: 'table'; path: TablePath; alias: string | undefined }
  | { kind: 'subquery'; query: Query; alias: string | undefined; place: Place }
  | { kind: 'unnest'; value: Expression; alias: string | undefined; place: Place }
  | { kind: 'join'; type: string; left: From; right: From; on: Expression | undefined; using: string[] | undefined; place: Place };

export interface Assignment {
  /** The table's alias before the column. */
  qualifier: string | undefined;
  column: string;
  value: Expression | 'default';
  place: Place;
}

export type MergeAction =
  | { kind: 'update'; set: Assignment[] }
  | { kind: 'delete' }
  | { kind: 'insert'; columns: string[] | undefined; values: (Expression | 'default')[] | 'row'; place: Place };

export interface MergeClause {
  when: 'matched' | 'not matched' | 'not matched by source';
  condition: Expression | undefined;
  action: MergeAction;
  place: Place;
}

export interface ColumnDefinition {
  name: string;
  type: ColumnType;
  required: boolean;
  description: string | undefined;
}

export type Option = { name: string; value: Expression; place: Place };

export interface CreateTable {
  kind: 'create table';
  path: TablePath;
  replace: boolean;
  ifNotExists: boolean;
  columns: ColumnDefinition[] | undefined;
  primaryKey: string[] | undefined;
  partitionBy: Expression | undefined;
  clusterBy: string[];
  options: Option[];
  query: Query | undefined;
}

export type Alteration =
  | { kind: 'add column'; column: ColumnDefinition; ifNotExists: boolean; place: Place }
  | { kind: 'drop column'; name: string; ifExists: boolean; place: Place }
  | { kind: 'set type'; name: string; type: ColumnType; place: Place }
  | { kind: 'drop not null'; name: string; place: Place }
  | { kind: 'set column options'; name: string; options: Option[]; place: Place }
  | { kind: 'set options'; options: Option[] };

export type Statement =
  | { kind: 'query'; query: Query }
  | CreateTable
  | { kind: 'create view'; path: TablePath; replace: boolean; ifNotExists: boolean; options: Option[]; query: Query; queryText: string }
  | { kind: 'drop'; what: 'TABLE' | 'VIEW'; path: TablePath; ifExists: boolean }
  | {
      kind: 'create policy';
      name: string;
      path: TablePath;
      replace: boolean;
      ifNotExists: boolean;
      grantees: string[];
      /** The condition as written. */
      filter: string;
    }
  /** Without a name: all policies of the table. */
  | { kind: 'drop policy'; name: string | undefined; path: TablePath; ifExists: boolean }
  | { kind: 'alter table'; path: TablePath; ifExists: boolean; alterations: Alteration[] }
  | { kind: 'insert'; path: TablePath; columns: string[] | undefined; rows?: (Expression | 'default')[][]; query?: Query; place: Place }
  | { kind: 'update'; path: TablePath; alias: string | undefined; set: Assignment[]; from: From | undefined; where: Expression }
  | { kind: 'delete'; path: TablePath; alias: string | undefined; where: Expression }
  | { kind: 'truncate'; path: TablePath }
  | { kind: 'merge'; path: TablePath; alias: string | undefined; source: From; on: Expression; clauses: MergeClause[]; place: Place };
