// The supported functions, as data: their arguments, result and DuckDB equivalent. Any other function is rejected.
import { invalidQuery } from '../rest/api-error.ts';
import { type ScalarName, scalar, storedAs, text } from '../storage/column-type.ts';
import { DATE_FUNCTIONS } from './date-functions.ts';
import { anyOf, type Compile, signature } from './signature.ts';
import type { Call } from './tree.ts';
import { coerce, commonType, noSignatureError, type Value, value } from './value.ts';

const NUMBERS: ScalarName[] = ['INT64', 'NUMERIC', 'BIGNUMERIC', 'FLOAT64'];

/** Keeps the number type of the first argument; that type is tried first, because a literal also matches others. */
const numeric =
  (sql: (x: string, ...rest: string[]) => string, rest: ScalarName[] = [], types = NUMBERS): Compile =>
  (args, call) => {
    const own = types.filter((type) => type === args[0]?.type.name);
    const forms = [...own, ...types].map((type) =>
      signature([type, ...rest], type, (...texts) => `CAST(${sql(...(texts as [string]))} AS ${storedAs(scalar(type))})`, 1),
    );
    return anyOf(...forms)(args, call);
  };

/** All arguments as one type. */
const alike =
  (sql: (args: string[]) => string, gives?: ScalarName): Compile =>
  (args) => {
    const type = args.length > 0 ? commonType(args) : undefined;
    if (!type) return undefined;
    const values = args.map((each) => coerce(each, type)!.sql);
    return { sql: sql(values), type: gives ? scalar(gives) : type };
  };

const WHITESPACE = String.raw`E' \t\n\x0B\f\r' || chr(133) || chr(160) || chr(5760) || chr(8192) || chr(8193) || chr(8194) || chr(8195) || chr(8196) || chr(8197) || chr(8198) || chr(8199) || chr(8200) || chr(8201) || chr(8202) || chr(8232) || chr(8233) || chr(8239) || chr(8287) || chr(12288)`;

const trim = (name: string) => signature(['STRING', 'STRING'], 'STRING', (s, characters = WHITESPACE) => `${name}(${s}, ${characters})`, 1);

const anyNull = (args: string[]) => args.map((each) => `${each} IS NULL`).join(' OR ');

/** DuckDB's own versions skip NULL arguments. */
const extreme = (name: string) => alike((args) => `CASE WHEN ${anyNull(args)} THEN NULL ELSE ${name}(${args.join(', ')}) END`);

/** One capturing group, or the whole match; BigQuery rejects more groups. */
function regexpExtract(args: Value[], call: Call): Value | undefined {
  const pattern = args[1]?.literal;
  if (args.length !== 2 || args[0]!.type.name !== 'STRING') return undefined;
  if (pattern === undefined) throw invalidQuery('The local BigQuery supports REGEXP_EXTRACT only with a literal pattern', call.place);
  const groups = pattern.replace(/\\.|\[[^\]]*\]/g, '').match(/\((?!\?)/g)?.length ?? 0;
  if (groups > 1) throw invalidQuery('Regular expression contains more than one capturing group', call.place);
  const [subject, sql] = [args[0]!.sql, args[1]!.sql];
  return value('STRING', `CASE WHEN regexp_matches(${subject}, ${sql}) THEN regexp_extract(${subject}, ${sql}, ${groups}) END`);
}

function ifFunction([condition, ...branches]: Value[], call: Call): Value | undefined {
  if (branches.length !== 2 || !condition) return undefined;
  const type = commonType(branches);
  const when = coerce(condition, scalar('BOOL'));
  if (!type || !when) throw noSignatureError('function IF', [condition, ...branches], call.place);
  const [one, other] = branches.map((each) => coerce(each, type)!.sql);
  return { sql: `CASE WHEN ${when.sql} THEN ${one} ELSE ${other} END`, type };
}

const FUNCTIONS: Record<string, Compile> = {
  ...DATE_FUNCTIONS,
  IF: ifFunction,
  COALESCE: alike((args) => `coalesce(${args.join(', ')})`),
  IFNULL: (args, call) => (args.length === 2 ? FUNCTIONS.COALESCE!(args, call) : undefined),
  NULLIF: (args, call) => (args.length === 2 ? alike(([a, b]) => `nullif(${a}, ${b})`)(args, call) : undefined),
  GREATEST: extreme('greatest'),
  LEAST: extreme('least'),
  CONCAT: (args, call) =>
    signature(
      args.map((): ScalarName => 'STRING'),
      'STRING',
      (...all) => `(${all.join(' || ')})`,
      1,
    )(args, call),
  LENGTH: anyOf(
    signature(['STRING'], 'INT64', (s) => `length(${s})`),
    signature(['BYTES'], 'INT64', (s) => `octet_length(${s})`),
  ),
  CHAR_LENGTH: signature(['STRING'], 'INT64', (s) => `length(${s})`),
  BYTE_LENGTH: signature(['STRING'], 'INT64', (s) => `strlen(${s})`),
  UPPER: signature(['STRING'], 'STRING', (s) => `upper(${s})`),
  LOWER: signature(['STRING'], 'STRING', (s) => `lower(${s})`),
  TRIM: trim('trim'),
  LTRIM: trim('ltrim'),
  RTRIM: trim('rtrim'),
  REPLACE: signature(
    ['STRING', 'STRING', 'STRING'],
    'STRING',
    (s, from, to) => `CASE WHEN ${from} = '' THEN ${s} ELSE replace(${s}, ${from}, ${to}) END`,
  ),
  SUBSTR: signature(
    ['STRING', 'INT64', 'INT64'],
    'STRING',
    (s, from, length) => {
      const start = `bq_substr_from(${s}, ${from})`;
      if (length === undefined) return `substr(${s}, ${start})`;
      return `substr(${s}, ${start}, bq_natural(${length}, 'Third argument in SUBSTR() cannot be negative'))`;
    },
    2,
  ),
  LEFT: signature(['STRING', 'INT64'], 'STRING', (s, n) => `left(${s}, bq_natural(${n}, 'Second argument in LEFT() cannot be negative'))`),
  RIGHT: signature(
    ['STRING', 'INT64'],
    'STRING',
    (s, n) => `right(${s}, bq_natural(${n}, 'Second argument in RIGHT() cannot be negative'))`,
  ),
  STARTS_WITH: signature(['STRING', 'STRING'], 'BOOL', (s, part) => `starts_with(${s}, ${part})`),
  ENDS_WITH: signature(['STRING', 'STRING'], 'BOOL', (s, part) => `ends_with(${s}, ${part})`),
  STRPOS: signature(['STRING', 'STRING'], 'INT64', (s, part) => `strpos(${s}, ${part})`),
  REGEXP_CONTAINS: signature(['STRING', 'STRING'], 'BOOL', (s, pattern) => `regexp_matches(${s}, ${pattern})`),
  REGEXP_REPLACE: signature(['STRING', 'STRING', 'STRING'], 'STRING', (s, pattern, to) => `regexp_replace(${s}, ${pattern}, ${to}, 'g')`),
  REGEXP_EXTRACT: regexpExtract,
  MD5: signature(['STRING'], 'BYTES', (s) => `unhex(md5(${s}))`),
  SHA256: signature(['STRING'], 'BYTES', (s) => `unhex(sha256(${s}))`),
  TO_HEX: signature(['BYTES'], 'STRING', (b) => `lower(hex(${b}))`),
  TO_BASE64: signature(['BYTES'], 'STRING', (b) => `to_base64(${b})`),
  FROM_BASE64: signature(['STRING'], 'BYTES', (s) => `from_base64(${s})`),
  ABS: numeric((x) => `abs(${x})`),
  SIGN: numeric((x) => `sign(${x})`),
  // For an INT64 these return FLOAT64.
  ROUND: numeric((x, digits = '0') => `round(${x}, CAST(${digits} AS INTEGER))`, ['INT64'], ['NUMERIC', 'BIGNUMERIC', 'FLOAT64']),
  TRUNC: numeric((x) => `trunc(${x})`, [], ['NUMERIC', 'BIGNUMERIC', 'FLOAT64']),
  CEIL: numeric((x) => `ceil(${x})`, [], ['NUMERIC', 'BIGNUMERIC', 'FLOAT64']),
  FLOOR: numeric((x) => `floor(${x})`, [], ['NUMERIC', 'BIGNUMERIC', 'FLOAT64']),
  MOD: signature(['INT64', 'INT64'], 'INT64', (a, b) => `bq_mod(${a}, ${b})`),
  DIV: signature(['INT64', 'INT64'], 'INT64', (a, b) => `bq_div(${a}, ${b})`),
  SAFE_DIVIDE: (args, call) => {
    const isNumeric = commonType(args)?.name === 'NUMERIC';
    const type: ScalarName = isNumeric ? 'NUMERIC' : 'FLOAT64';
    return signature([type, type], type, safeDivide(isNumeric ? 'bq_numeric_divide' : 'bq_divide'))(args, call);
  },
  SQRT: signature(['FLOAT64'], 'FLOAT64', (x) => `sqrt(${x})`),
  POW: signature(['FLOAT64', 'FLOAT64'], 'FLOAT64', (x, y) => `pow(${x}, ${y})`),
  IS_NAN: signature(['FLOAT64'], 'BOOL', (x) => `isnan(${x})`),
  IS_INF: signature(['FLOAT64'], 'BOOL', (x) => `isinf(${x})`),
  GENERATE_UUID: signature([], 'STRING', () => 'CAST(uuid() AS VARCHAR)'),
  SESSION_USER: signature([], 'STRING', () => text('emulator@localhost')),
  ERROR: signature(['STRING'], 'INT64', (message) => `CAST(error(${message}) AS BIGINT)`),
  ARRAY_LENGTH: ([list], call) => {
    if (call.arguments.length !== 1 || list!.type.name !== 'ARRAY') return undefined;
    return value('INT64', `len(${list!.sql})`);
  },
};

function safeDivide(macro: string): (a: string, b: string) => string {
  return (a, b) => `CASE WHEN ${b} = 0 THEN NULL ELSE ${macro}(${a}, ${b}) END`;
}

/** DuckDB's TRY cannot contain functions that raise an error on purpose. */
const RAISES = /\b(bq_or_fail|bq_natural|bq_divide|bq_numeric_divide|bq_mod|bq_div|error)\(/;

/** A call of a scalar function. SAFE.name(…) gives NULL if name(…) fails. */
export function compileFunction(call: Call, args: Value[]): Value {
  const compile = FUNCTIONS[call.name];
  if (!compile) throw invalidQuery(`Function not found: ${call.name} (the local BigQuery does not have it)`, call.place);
  const compiled = compile(args, call);
  if (!compiled) throw noSignatureError(`function ${call.name}`, args, call.place);
  if (!call.safe) return compiled;
  if (RAISES.test(compiled.sql)) throw invalidQuery(`The local BigQuery does not support SAFE.${call.name} here`, call.place);
  return { ...compiled, sql: `TRY(${compiled.sql})` };
}
