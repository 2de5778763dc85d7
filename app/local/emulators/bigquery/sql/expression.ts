import { invalidQuery } from '../rest/api-error.ts';
import { type ColumnType, quoted, sameType, scalar, storedAs, text, typeText } from '../storage/column-type.ts';
import { compileAggregate, isAggregate } from './aggregate.ts';
import { extract } from './date-functions.ts';
import { compileFunction } from './functions.ts';
import { resolvePath, type Scope } from './scope.ts';
import type { Call, Expression, Place } from './tree.ts';
import { cast, coerce, commonType, noSignatureError, type Value, value } from './value.ts';

type Of<Kind extends Expression['kind']> = Extract<Expression, { kind: Kind }>;

/** DuckDB text and type of an expression. Throws invalidQuery for what GoogleSQL rejects. */
export function compileExpression(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case 'null':
      return { sql: 'NULL', type: { name: 'NULL' } };
    case 'literal':
      return literal(expression);
    case 'path':
      return resolvePath(scope, expression);
    case 'parameter':
      return parameter(expression, scope);
    case 'unary':
      return unary(expression, scope);
    case 'binary':
      return binary(expression, scope);
    case 'is':
      return is(expression, scope);
    case 'in':
      return isIn(expression, scope);
    case 'between':
      return between(expression, scope);
    case 'case':
      return caseOf(expression, scope);
    case 'cast':
      return cast(compileExpression(expression.value, scope), expression.type, expression.safe, expression.place);
    case 'extract':
      return extract(expression.part, compileExpression(expression.value, scope), expression.place);
    case 'interval':
      return interval(expression, scope);
    case 'part':
      return { ...value('STRING', 'NULL'), part: expression.name };
    case 'subquery':
      return subquery(expression, scope);
    case 'array':
      return array(expression, scope);
    case 'struct':
      return struct(expression, scope);
    case 'call':
      return call(expression, scope);
  }
}

/** The expression as the wanted type, if GoogleSQL coerces it implicitly. */
export function compileAs(expression: Expression, type: ColumnType, scope: Scope, what: string, place: Place): Value {
  const compiled = compileExpression(expression, scope);
  const coerced = coerce(compiled, type, place);
  if (!coerced) throw invalidQuery(`${what} should return type ${typeText(type)}, but returns ${typeText(compiled.type)}`, place);
  return coerced;
}

function literal({ type, value: written, typed, place }: Of<'literal'>): Value {
  if (typed) return cast({ sql: text(written), type: scalar('STRING') }, scalar(type), false, place);
  if (type === 'STRING') return { ...value('STRING', text(written)), literal: written };
  if (type === 'BOOL') return value('BOOL', written);
  if (type === 'FLOAT64') return { ...value('FLOAT64', `CAST(${text(written)} AS DOUBLE)`), literal: written };
  if (BigInt(written) > 9223372036854775807n) throw invalidQuery(`Invalid integer literal: ${written}`, place);
  return { ...value('INT64', `CAST(${BigInt(written)} AS BIGINT)`), literal: written };
}

function parameter({ name, place }: Of<'parameter'>, scope: Scope): Value {
  const found = scope.sources.parameters.get(name.toLowerCase());
  if (!found) throw invalidQuery(`Query parameter '${name}' not found`, place);
  return found;
}

const isNumber = (type: ColumnType) => ['INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC'].includes(type.name);

function unary({ operator, value: operand, place }: Of<'unary'>, scope: Scope): Value {
  if (operator === 'NOT') return value('BOOL', `(NOT ${condition(operand, scope, 'operator NOT', place)})`);
  const compiled = compileExpression(operand, scope);
  if (!isNumber(compiled.type)) throw noSignatureError(`operator ${operator}`, [compiled], place);
  const negated =
    operator === '-'
      ? compiled.literal?.startsWith('-')
        ? compiled.literal.slice(1)
        : compiled.literal && `-${compiled.literal}`
      : compiled.literal;
  return { sql: `(${operator}${compiled.sql})`, type: compiled.type, literal: negated };
}

/** A BOOL, for AND, OR and the like. */
function condition(expression: Expression, scope: Scope, what: string, place: Place): string {
  const compiled = compileExpression(expression, scope);
  const coerced = coerce(compiled, scalar('BOOL'));
  if (!coerced) throw noSignatureError(what, [compiled], place);
  return coerced.sql;
}

function binary(expression: Of<'binary'>, scope: Scope): Value {
  const { operator, place } = expression;
  if (operator === 'AND' || operator === 'OR') {
    const [left, right] = [expression.left, expression.right].map((side) => condition(side, scope, `operator ${operator}`, place));
    return value('BOOL', `(${left} ${operator} ${right})`);
  }
  const [left, right] = [compileExpression(expression.left, scope), compileExpression(expression.right, scope)];
  if (operator === 'LIKE') return like(left, right, place);
  if (operator === '||') return concatenation(left, right, place);
  if ('+-*/'.includes(operator)) return arithmetic(operator, left, right, place);
  return comparison(operator, left, right, place);
}

/** Backslash is an escape character in both, once DuckDB is configured for it. */
function like(left: Value, right: Value, place: Place): Value {
  const [subject, pattern] = [coerce(left, scalar('STRING')), coerce(right, scalar('STRING'))];
  if (!subject || !pattern) throw noSignatureError('operator LIKE', [left, right], place);
  return value('BOOL', `(${subject.sql} LIKE ${pattern.sql} ESCAPE '\\')`);
}

function concatenation(left: Value, right: Value, place: Place): Value {
  const type = commonType([left, right]);
  if (type?.name !== 'STRING' && type?.name !== 'BYTES' && type?.name !== 'ARRAY')
    throw noSignatureError('operator ||', [left, right], place);
  return { sql: `(${coerce(left, type)!.sql} || ${coerce(right, type)!.sql})`, type };
}

function arithmetic(operator: string, left: Value, right: Value, place: Place): Value {
  const type = commonType([left, right]);
  if (!type || (!isNumber(type) && type.name !== 'NULL')) throw noSignatureError(`operator ${operator}`, [left, right], place);
  const wanted = type.name === 'NULL' ? scalar('INT64') : type;
  const [a, b] = [coerce(left, wanted)!.sql, coerce(right, wanted)!.sql];
  if (operator !== '/') return { sql: `CAST(${a} ${operator} ${b} AS ${storedAs(wanted)})`, type: wanted };
  if (wanted.name === 'BIGNUMERIC') throw invalidQuery('The local BigQuery does not divide BIGNUMERIC values', place);
  if (wanted.name === 'NUMERIC') return { sql: `bq_numeric_divide(${a}, ${b})`, type: wanted };
  return value('FLOAT64', `bq_divide(${a}, ${b})`);
}

function comparison(written: string, left: Value, right: Value, place: Place): Value {
  const operator = written === '!=' ? '<>' : written;
  const type = commonType([left, right]);
  if (!type || type.name === 'ARRAY' || type.name === 'STRUCT') throw noSignatureError(`operator ${written}`, [left, right], place);
  return value('BOOL', compare(operator, coerce(left, type)!.sql, coerce(right, type)!.sql, type));
}

/** In GoogleSQL NaN equals nothing, not even itself; in DuckDB it equals itself and is the greatest number. */
function compare(operator: string, a: string, b: string, type: ColumnType): string {
  if (type.name !== 'FLOAT64' || operator.startsWith('IS')) return `(${a} ${operator} ${b})`;
  if (operator === '<>') return `(${a} <> ${b} OR isnan(${a}) OR isnan(${b}))`;
  return `(${a} ${operator} ${b} AND NOT isnan(${a}) AND NOT isnan(${b}))`;
}

function is({ value: operand, what, not, place }: Of<'is'>, scope: Scope): Value {
  const sql = what === 'NULL' ? compileExpression(operand, scope).sql : condition(operand, scope, `operator IS ${what}`, place);
  return value('BOOL', `(${sql} IS ${not ? 'NOT ' : ''}${what})`);
}

function isIn(expression: Of<'in'>, scope: Scope): Value {
  const { place, not } = expression;
  const negation = not ? 'NOT ' : '';
  const subject = compileExpression(expression.value, scope);
  if (expression.array) {
    const list = compileExpression(expression.array, scope);
    const type = list.type.element && commonType([subject, { sql: '', type: list.type.element }]);
    if (!type || !sameType(type, list.type.element!)) throw noSignatureError('operator IN UNNEST', [subject, list], place);
    return value('BOOL', `(${coerce(subject, type)!.sql} ${negation}IN (SELECT unnest(${list.sql})))`);
  }
  if (expression.query) return isInQuery(subject, expression.query, scope, negation, place);
  const items = expression.list!.map((item) => compileExpression(item, scope));
  const type = commonType([subject, ...items]);
  if (!type) throw noSignatureError('operator IN', [subject, ...items], place);
  return value('BOOL', `(${coerce(subject, type)!.sql} ${negation}IN (${items.map((item) => coerce(item, type)!.sql).join(', ')}))`);
}

function isInQuery(subject: Value, query: NonNullable<Of<'in'>['query']>, scope: Scope, negation: string, place: Place): Value {
  const compiled = scope.compileQuery(query, scope);
  const [column] = compiled.columns;
  if (!column || compiled.columns.length > 1) throw invalidQuery('Subquery of type IN must have only one output column', place);
  const inside: Value = { sql: column.id, type: column.type };
  const type = commonType([subject, inside]);
  if (!type) throw noSignatureError('operator IN', [subject, inside], place);
  return value('BOOL', `(${coerce(subject, type)!.sql} ${negation}IN (SELECT ${coerce(inside, type)!.sql} FROM (${compiled.sql})))`);
}

function between(expression: Of<'between'>, scope: Scope): Value {
  const values = [expression.value, expression.low, expression.high].map((each) => compileExpression(each, scope));
  const type = commonType(values);
  if (!type) throw noSignatureError('operator BETWEEN', values, expression.place);
  const [subject, low, high] = values.map((each) => coerce(each, type)!.sql) as [string, string, string];
  return value('BOOL', `(${expression.not ? 'NOT ' : ''}(${compare('>=', subject, low, type)} AND ${compare('<=', subject, high, type)}))`);
}

function caseOf({ operand, branches, otherwise, place }: Of<'case'>, scope: Scope): Value {
  const subject = operand && compileExpression(operand, scope);
  const conditions = branches.map(({ when }) =>
    subject ? comparison('=', subject, compileExpression(when, scope), place).sql : condition(when, scope, 'operator CASE', place),
  );
  const results = [...branches.map((branch) => branch.result), otherwise].map((result) => compileExpression(result, scope));
  const type = commonType(results);
  if (!type) throw noSignatureError('operator CASE', results, place);
  const texts = results.map((result) => coerce(result, type)!.sql);
  const arms = conditions.map((when, index) => `WHEN ${when} THEN ${texts[index]}`);
  return { sql: `CASE ${arms.join(' ')} ELSE ${texts.at(-1)} END`, type };
}

function interval({ value: amount, part, place }: Of<'interval'>, scope: Scope): Value {
  const compiled = compileAs(amount, scalar('INT64'), scope, 'INTERVAL', place);
  return { ...value('STRING', 'NULL'), interval: { amount: compiled, part } };
}

function subquery({ query, exists, place }: Of<'subquery'>, scope: Scope): Value {
  const compiled = scope.compileQuery(query, scope);
  if (exists) return value('BOOL', `EXISTS (${compiled.sql})`);
  const [column] = compiled.columns;
  if (!column || compiled.columns.length > 1)
    throw invalidQuery('Scalar subquery cannot have more than one column unless using SELECT AS STRUCT', place);
  return { sql: `(${compiled.sql})`, type: column.type };
}

function array({ items, place }: Of<'array'>, scope: Scope): Value {
  const values = items.map((item) => compileExpression(item, scope));
  const element = commonType(values);
  if (!element) throw noSignatureError('operator []', values, place);
  return { sql: `[${values.map((each) => coerce(each, element)!.sql).join(', ')}]`, type: { name: 'ARRAY', element } };
}

function struct({ fields }: Of<'struct'>, scope: Scope): Value {
  const values = fields.map((field) => ({ name: field.name, compiled: compileExpression(field.value, scope) }));
  return {
    sql: `struct_pack(${values.map(({ name, compiled }) => `${quoted(name)} := ${compiled.sql}`).join(', ')})`,
    type: { name: 'STRUCT', fields: values.map(({ name, compiled }) => ({ name, type: compiled.type })) },
  };
}

const DATE_PARTS = new Set('MICROSECOND MILLISECOND SECOND MINUTE HOUR DAY WEEK ISOWEEK MONTH QUARTER YEAR ISOYEAR'.split(' '));
const TAKES_PART = /_(TRUNC|DIFF)$/;

function call(expression: Call, scope: Scope): Value {
  const args = expression.arguments.map((argument, index) => {
    const part = argument.kind === 'path' && argument.names.length === 1 ? argument.names[0]!.toUpperCase() : '';
    const isLast = index > 0 && index === expression.arguments.length - 1;
    if (isLast && TAKES_PART.test(expression.name) && DATE_PARTS.has(part)) return { ...value('STRING', 'NULL'), part };
    return compileExpression(argument, scope);
  });
  if (expression.window || isAggregate(expression.name)) {
    return compileAggregate(expression, args, (each) => compileExpression(each, scope));
  }
  const misplaced = expression.star || expression.distinct || expression.nulls || expression.orderBy.length > 0 || expression.limit;
  if (misplaced) throw invalidQuery(`Function ${expression.name} takes plain arguments only`, expression.place);
  return compileFunction(expression, args);
}
