// Aggregate and window functions.
import { invalidQuery } from '../rest/api-error.ts';
import { type ColumnType, scalar, storedAs } from '../storage/column-type.ts';
import type { Call, Expression, OrderItem, Window } from './tree.ts';
import { coerce, noSignatureError, type Value, value } from './value.ts';

interface Aggregate {
  /** The DuckDB function. */
  name: string;
  resultType(args: Value[]): ColumnType | undefined;
  /** ROW_NUMBER, RANK and the like: rejected without OVER. */
  windowOnly?: boolean;
  takesOrder?: boolean;
  takesNulls?: boolean;
}

const NUMBER_TYPES = ['INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC'];
const isNumber = (arg: Value) => NUMBER_TYPES.includes(arg.type.name);
const always = (count: number, type: ColumnType) => (args: Value[]) => (args.length === count ? type : undefined);
const first = (args: Value[]) => (args.length === 1 ? args[0]!.type : undefined);
const ordered = (args: Value[]) => (args.length === 1 && !['ARRAY', 'STRUCT'].includes(args[0]!.type.name) ? args[0]!.type : undefined);
const boolean = (args: Value[]) => (args.length === 1 && coerce(args[0]!, scalar('BOOL')) ? scalar('BOOL') : undefined);
const sum = (args: Value[]) => (args.length === 1 && isNumber(args[0]!) ? args[0]!.type : undefined);
const INT64 = scalar('INT64');

const AGGREGATES: Record<string, Aggregate> = {
  COUNT: { name: 'count', resultType: always(1, INT64) },
  COUNTIF: { name: 'count_if', resultType: (args) => boolean(args) && INT64 },
  SUM: { name: 'sum', resultType: sum },
  AVG: { name: 'avg', resultType: (args) => sum(args) && (args[0]!.type.name === 'INT64' ? scalar('FLOAT64') : args[0]!.type) },
  MIN: { name: 'min', resultType: ordered },
  MAX: { name: 'max', resultType: ordered },
  ANY_VALUE: { name: 'any_value', resultType: first },
  LOGICAL_AND: { name: 'bool_and', resultType: boolean },
  LOGICAL_OR: { name: 'bool_or', resultType: boolean },
  APPROX_COUNT_DISTINCT: { name: 'approx_count_distinct', resultType: always(1, INT64) },
  STRING_AGG: {
    name: 'string_agg',
    resultType: (args) => (args.every((each) => each.type.name === 'STRING') && args.length <= 2 ? scalar('STRING') : undefined),
    takesOrder: true,
  },
  ARRAY_AGG: {
    name: 'array_agg',
    resultType: (args) => first(args) && { name: 'ARRAY', element: args[0]!.type },
    takesOrder: true,
    takesNulls: true,
  },
  ROW_NUMBER: { name: 'row_number', resultType: always(0, INT64), windowOnly: true },
  RANK: { name: 'rank', resultType: always(0, INT64), windowOnly: true },
  DENSE_RANK: { name: 'dense_rank', resultType: always(0, INT64), windowOnly: true },
  FIRST_VALUE: { name: 'first_value', resultType: first, windowOnly: true, takesNulls: true },
  LAST_VALUE: { name: 'last_value', resultType: first, windowOnly: true, takesNulls: true },
  LAG: { name: 'lag', resultType: (args) => args[0]?.type, windowOnly: true },
  LEAD: { name: 'lead', resultType: (args) => args[0]?.type, windowOnly: true },
};

type Compile = (expression: Expression) => Value;

export const isAggregate = (name: string) => name in AGGREGATES;

/** Aggregate over a group, or any function with OVER; `compile` compiles the expressions in ORDER BY and PARTITION BY. */
export function compileAggregate(call: Call, args: Value[], compile: Compile): Value {
  const aggregate = AGGREGATES[call.name];
  if (!aggregate) throw invalidQuery(`Analytic function not found: ${call.name}`, call.place);
  if (aggregate.windowOnly && !call.window)
    throw invalidQuery(`Analytic function ${call.name} cannot be called without an OVER clause`, call.place);
  if (call.safe) throw invalidQuery(`Function ${call.name} does not support SAFE error mode`, call.place);
  if (call.orderBy.length > 0 && !aggregate.takesOrder)
    throw invalidQuery(`Function ${call.name} does not support ORDER BY in arguments`, call.place);
  if (call.nulls && !aggregate.takesNulls) throw invalidQuery(`Function ${call.name} does not support ${call.nulls} NULLS`, call.place);
  if (call.limit) throw invalidQuery('The local BigQuery does not support LIMIT in arguments', call.place);
  const window = call.window ? ` OVER (${windowText(call.window, compile)})` : '';
  if (call.star) return countRows(call, window);
  const type = aggregate.resultType(args);
  if (!type) throw noSignatureError(`aggregate function ${call.name}`, args, call.place);
  return { sql: aggregateText(call, aggregate, args, type, window, compile), type };
}

function countRows(call: Call, window: string): Value {
  if (call.name !== 'COUNT') throw invalidQuery(`Argument * can only be used in COUNT(*), but was used in ${call.name}`, call.place);
  return value('INT64', `count(*)${window}`);
}

function aggregateText(call: Call, aggregate: Aggregate, args: Value[], type: ColumnType, window: string, compile: Compile): string {
  const distinct = call.distinct ? 'DISTINCT ' : '';
  const order = call.orderBy.length > 0 ? ` ${orderText(call.orderBy, compile)}` : '';
  const nulls = call.nulls && call.window ? ` ${call.nulls} NULLS` : '';
  const filter = call.name === 'ARRAY_AGG' && call.nulls === 'IGNORE' ? ` FILTER (WHERE ${args[0]!.sql} IS NOT NULL)` : '';
  const separator = call.name === 'STRING_AGG' && args.length === 1 ? `, ','` : '';
  const list = args.map((each) => each.sql).join(', ') + separator;
  const text = `${aggregate.name}(${distinct}${list}${order}${nulls})${filter}${window}`;
  if (call.name === 'AVG' && type.name === 'BIGNUMERIC')
    throw invalidQuery('The local BigQuery does not divide BIGNUMERIC values', call.place);
  if (call.name === 'AVG' && type.name === 'NUMERIC') {
    const over = (name: string) => `${name}(${distinct}${list})${window}`;
    return `CASE WHEN ${over('count')} > 0 THEN bq_numeric_divide(CAST(${over('sum')} AS DECIMAL(38,9)), CAST(${over('count')} AS DECIMAL(38,9))) END`;
  }
  return `CAST(${text} AS ${storedAs(type)})`;
}

function windowText({ partitionBy, orderBy, frame }: Window, compile: Compile): string {
  const partition = partitionBy.map((each) => compile(each).sql).join(', ');
  const parts = [partition && `PARTITION BY ${partition}`, orderBy.length > 0 && orderText(orderBy, compile), frame];
  return parts.filter(Boolean).join(' ');
}

/** In GoogleSQL, NULLs sort first, then NaN. */
export function orderText(items: OrderItem[], compile: Compile): string {
  const keys = items.map((item) => {
    const compiled = compile(item.value);
    if (['ARRAY', 'STRUCT'].includes(compiled.type.name))
      throw invalidQuery(`ORDER BY does not support expressions of type ${compiled.type.name}`);
    const nulls = (item.nullsFirst ?? !item.descending) ? 'NULLS FIRST' : 'NULLS LAST';
    const direction = item.descending ? 'DESC' : 'ASC';
    const notANumber = compiled.type.name === 'FLOAT64' ? `isnan(${compiled.sql}) ${item.descending ? 'ASC' : 'DESC'} ${nulls}, ` : '';
    return `${notANumber}${compiled.sql} ${direction} ${nulls}`;
  });
  return `ORDER BY ${keys.join(', ')}`;
}
