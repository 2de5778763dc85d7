import { USER_ZONE } from '../objects/user.ts';
import type { FieldType, Value } from '../org/field.ts';
import { SalesforceError } from '../rest/salesforce-error.ts';
import type { Column } from './column.ts';
import { dateIn, daysOf, midnightIn } from './date-literal.ts';
import { invalidFieldError, positionOf, soqlError } from './error.ts';

type Predicate = (value: Value) => boolean;

/** The literals that a field of each type can be compared with, and Salesforce's name for the type in errors. */
const FITTING: Record<FieldType, { literals: string[]; called: string; quoted: boolean }> = {
  ...of(
    'string',
    true,
    ['STRING'],
    [
      'string',
      'textarea',
      'picklist',
      'multipicklist',
      'combobox',
      'email',
      'phone',
      'url',
      'id',
      'reference',
      'DataCategoryGroupReference',
    ],
  ),
  ...of('string', true, [], ['address', 'location', 'base64', 'anyType', 'json', 'complexvalue', 'encryptedstring', 'time']),
  ...of('double', false, ['INTEGER', 'DECIMAL'], ['double', 'currency', 'percent']),
  ...of('int', false, ['INTEGER', 'DECIMAL'], ['int', 'long']),
  ...of('boolean', false, ['BOOLEAN', 'TRUE', 'FALSE'], ['boolean']),
  ...of('date', false, ['DATE'], ['date']),
  ...of('dateTime', false, ['DATETIME'], ['datetime']),
} as Record<FieldType, { literals: string[]; called: string; quoted: boolean }>;

function of(called: string, quoted: boolean, literals: string[], types: FieldType[]): object {
  return Object.fromEntries(types.map((type) => [type, { literals, called, quoted }]));
}

/** Turns an operator and literals into a predicate on the column's value. Throws INVALID_FIELD if a literal does not fit the field. */
export function compileComparison(
  column: Column,
  soql: string,
  operator: string,
  literals: string[],
  kinds: string[],
  now: Date,
): Predicate {
  if (kinds[0]?.startsWith('DATE_')) return comparedWithDays(column, operator, literals[0] ?? '', now);
  const { type } = column.facts;
  const wanted = literals.map((literal, index) => literalValue(column, soql, literal, kinds[index] ?? kinds[0] ?? 'STRING'));
  const [first = null] = wanted;
  const key = (value: Value) => comparable(type, value);
  const keys = new Set(wanted.map(key));
  const against = key(first);
  switch (operator) {
    case '=':
    case 'IN':
      return (value) => keys.has(key(value));
    case '!=':
    case 'NOT IN':
      return (value) => !keys.has(key(value));
    case '<':
      return ordered(key, (value) => value < against!);
    case '<=':
      return ordered(key, (value) => value <= against!);
    case '>':
      return ordered(key, (value) => value > against!);
    case '>=':
      return ordered(key, (value) => value >= against!);
    case 'LIKE':
      if (isIdType(type))
        throw soqlError('INVALID_QUERY_FILTER_OPERATOR', soql, positionOf(soql, column.path), 'invalid operator on id field');
      return like(literals[0] ?? '');
    case 'INCLUDES':
      return (value) => wanted.some((choice) => includesAll(value, choice));
    case 'EXCLUDES':
      return (value) => !wanted.some((choice) => includesAll(value, choice));
    default:
      throw new SalesforceError(400, 'MALFORMED_QUERY', `unexpected token: ${operator}`);
  }
}

/** Date literals use days in the user's time zone, which is why programs should not use them. */
function comparedWithDays({ facts, path }: Column, operator: string, literal: string, now: Date): Predicate {
  const days = daysOf(literal, dateIn(USER_ZONE, now));
  if (!days || !['date', 'datetime'].includes(facts.type)) {
    throw new SalesforceError(400, 'MALFORMED_QUERY', `The emulator does not support the date literal ${literal} for ${path}.`);
  }
  const edge = (date: string): string => (facts.type === 'date' ? date : midnightIn(USER_ZONE, date).toISOString());
  const [from, to] = [edge(days.from), edge(days.to)];
  const tests: Record<string, (value: string) => boolean> = {
    '=': (value) => value >= from && value < to,
    '!=': (value) => value < from || value >= to,
    '<': (value) => value < from,
    '<=': (value) => value < to,
    '>': (value) => value >= to,
    '>=': (value) => value >= from,
  };
  const test = tests[operator];
  if (!test) throw new SalesforceError(400, 'MALFORMED_QUERY', `unexpected token: ${operator}`);
  return (value) => typeof value === 'string' && test(value);
}

/** Ordering comparisons with null are always false. */
function ordered(key: (value: Value) => Value, compare: (value: string | number | boolean) => boolean): Predicate {
  return (value) => {
    const comparable = key(value);
    return comparable !== null && compare(comparable);
  };
}

/** Text comparison ignores case; ids are compared by their first 15 characters. */
function comparable(type: FieldType, value: Value): Value {
  if (typeof value !== 'string') return value;
  if (isIdType(type)) return value.slice(0, 15);
  return FITTING[type].quoted ? value.toLowerCase() : value;
}

function literalValue(column: Column, soql: string, literal: string, kind: string): Value {
  if (kind === 'NULL') return null;
  const { type, name } = column.facts;
  const { literals, called, quoted } = FITTING[type];
  if (!literals.includes(kind)) {
    const advice = quoted ? 'should be enclosed in quotes' : 'should not be enclosed in quotes';
    throw invalidFieldError(soql, column.path, `value of filter criterion for field '${name}' must be of type ${called} and ${advice}`);
  }
  if (isIdType(type)) return idLiteral(column, soql, unquoted(literal));
  if (type === 'datetime') return new Date(literal).toISOString();
  if (type === 'boolean') return literal.toUpperCase() === 'TRUE';
  if (type === 'date') return literal;
  return quoted ? unescapeText(unquoted(literal)) : Number(literal);
}

const isIdType = (type: FieldType) => type === 'id' || type === 'reference';

/** Only the form is checked: an id of another object finds nothing. */
function idLiteral({ path }: Column, soql: string, id: string): string {
  if (/^[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?$/.test(id)) return id;
  throw soqlError('INVALID_QUERY_FILTER_OPERATOR', soql, positionOf(soql, path), `invalid ID field: ${id}`);
}

const ESCAPES: Record<string, string> = { n: '\n', N: '\n', r: '\r', R: '\r', t: '\t', T: '\t', b: '\b', B: '\b', f: '\f', F: '\f' };

function unquoted(literal: string): string {
  return literal.replace(/^'|'$/g, '');
}

function unescapeText(text: string): string {
  return text.replaceAll(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_, code: string | undefined, character: string) =>
    code ? String.fromCharCode(Number.parseInt(code, 16)) : (ESCAPES[character] ?? character),
  );
}

/** `%` matches any text, `_` one character, unless preceded by a backslash. */
function like(literal: string): Predicate {
  const pieces = unquoted(literal).match(/\\u[0-9a-fA-F]{4}|\\.|[^\\]/gsu) ?? [];
  const pattern = pieces.map((piece) => {
    if (piece === '%') return '.*';
    if (piece === '_') return '.';
    return (piece.startsWith('\\') ? unescapeText(piece) : piece).replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  });
  const expression = new RegExp(`^${pattern.join('')}$`, 'isu');
  return (value) => typeof value === 'string' && expression.test(value);
}

/** `'a;b'` requires both. */
function includesAll(value: Value, choice: Value): boolean {
  if (typeof value !== 'string' || typeof choice !== 'string') return false;
  const chosen = value.toLowerCase().split(';');
  return choice
    .toLowerCase()
    .split(';')
    .every((part) => chosen.includes(part));
}
