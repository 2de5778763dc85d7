// DuckDB macros that give GoogleSQL's results where DuckDB differs. A `bq_<type>` macro parses a text: NULL if GoogleSQL rejects it.

const SPACE = '[ \\t\\n\\v\\f\\r]*';
const SHORT_DECIMAL = '[+-]?(?:[0-9]{1,30}\\.?[0-9]{0,30}|\\.[0-9]{1,30})';
const JAVA_DOUBLE = '[+-]?[0-9]\\.[0-9]{1,16}E1?[0-9]';
const DECIMAL = '[+-]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?';
const DATE = '([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})';
// A timestamp's year, unlike a date's, may start with a 0.
const DAY = '([0-9]{4,5})-([0-9]{1,2})-([0-9]{1,2})';
// DuckDB reads 24:00:00 as the next midnight and rounds after the sixth decimal; GoogleSQL rejects both, and allows second 60.
const TIME = '([01]?[0-9]|2[0-3]):([0-5]?[0-9]):([0-5]?[0-9]|60)(\\.[0-9]{1,6})?';
const OFFSET = '[+-][0-9]{1,2}(?::?[0-9]{1,2})?';
const DAY_ZONE = `(?: (${OFFSET}))?`;
const ZONE = `(?: UTC|([zZ]|${OFFSET}))?`;
const HEX = '([+-]?)0[xX]([0-9a-fA-F]+)';

const leap = (type: string) =>
  `CASE WHEN contains(t, ':60') THEN TRY_CAST(regexp_replace(t, ':60(\\.[0-9]+)?', second) AS ${type}) + INTERVAL 1 SECOND ELSE TRY_CAST(t AS ${type}) END`;

const MACROS: Record<string, string> = {
  // A value that does not cast is an error outside SAFE_CAST, and the error quotes the value.
  'bq_or_fail(input, result, message)': `CASE WHEN input IS NOT NULL AND result IS NULL THEN error(message || CAST(input AS VARCHAR)) ELSE result END`,
  'bq_strip(s)': `trim(s, ' \t\n\v\f\r')`,
  // Not '12.0', not '1e3'.
  'bq_int64(s)': `CASE WHEN regexp_full_match(s, '${SPACE}[+-]?[0-9]+${SPACE}') THEN TRY_CAST(ltrim(bq_strip(s), '+') AS BIGINT)
    WHEN regexp_full_match(s, '${SPACE}${HEX}${SPACE}') THEN TRY_CAST(bq_hex(bq_strip(s)) AS BIGINT) END`,
  'bq_hex(s)': `bq_hex_of(regexp_extract(s, '${HEX}', 1), ltrim(regexp_extract(s, '${HEX}', 2), '0'))`,
  // More than 30 digits would not fit.
  'bq_hex_of(sign, digits)': `CASE WHEN length(digits) = 0 THEN 0 WHEN length(digits) <= 30 THEN CASE WHEN sign = '-' THEN -1 ELSE 1 END *
    list_reduce(list_transform(string_split(lower(digits), ''), lambda d: CAST(strpos('0123456789abcdef', d) - 1 AS HUGEINT)), lambda a, b: a * 16 + b) END`,
  // Not '1', not 't'.
  'bq_bool(s)': `CASE lower(s) WHEN 'true' THEN true WHEN 'false' THEN false END`,
  'bq_float64(s)': `CASE WHEN regexp_full_match(s, '${SPACE}${DECIMAL}${SPACE}')
      THEN coalesce(TRY_CAST(ltrim(bq_strip(s), '+') AS DOUBLE), CASE WHEN starts_with(bq_strip(s), '-') THEN '-inf'::DOUBLE ELSE 'inf'::DOUBLE END)
    WHEN regexp_full_match(s, '${SPACE}${HEX}${SPACE}') THEN CAST(bq_hex(bq_strip(s)) AS DOUBLE)
    WHEN regexp_full_match(s, '(?i)${SPACE}[+-]?(?:inf|infinity|nan(?:[(][a-z0-9_]*[)])?)${SPACE}')
      THEN CASE WHEN lower(s) LIKE '%nan%' THEN 'nan'::DOUBLE WHEN starts_with(bq_strip(s), '-') THEN '-inf'::DOUBLE ELSE 'inf'::DOUBLE END END`,
  // Most numbers are short and fit into 64 bits, which DuckDB reads many times faster. With exponents it is exact only for the format in
  // which Java writes a double; it turns 1e-60 into 1e-9.
  'bq_numeric(s)': `CASE WHEN regexp_full_match(s, '${SPACE}(?:${SHORT_DECIMAL}|${JAVA_DOUBLE})${SPACE}') THEN bq_numeric_of(ltrim(bq_strip(s), '+'))
    WHEN regexp_full_match(s, '${SPACE}${DECIMAL}${SPACE}') THEN TRY_CAST(bq_decimal(bq_strip(s), 9) AS DECIMAL(38,9)) END`,
  'bq_numeric_of(s)': `coalesce(CAST(TRY_CAST(s AS DECIMAL(18,9)) AS DECIMAL(38,9)), TRY_CAST(s AS DECIMAL(38,9)))`,
  'bq_bignumeric(s)': `CASE WHEN regexp_full_match(s, '${SPACE}(?:${SHORT_DECIMAL}|${JAVA_DOUBLE})${SPACE}') THEN TRY_CAST(ltrim(bq_strip(s), '+') AS DECIMAL(38,18))
    WHEN regexp_full_match(s, '${SPACE}${DECIMAL}${SPACE}') THEN TRY_CAST(bq_decimal(bq_strip(s), 18) AS DECIMAL(38,18)) END`,
  // The number without exponent, rounded half away from zero to the given decimals; NULL for more than 38 digits.
  'bq_decimal(s, decimals)': `list_transform(
    [regexp_extract(s, '^([+-]?)0*([0-9]*)\\.?([0-9]*)(?:[eE]([+-]?)0*([0-9]*))?$', ['sign', 'whole', 'part', 'esign', 'exponent'])],
    lambda p: bq_pointed(p.sign, bq_units(ltrim(p.whole || p.part, '0'), bq_exponent(p.esign, p.exponent) - length(p.part) + decimals), decimals))[1]`,
  'bq_exponent(sign, digits)': `CASE WHEN digits = '' THEN 0 WHEN length(digits) > 6 THEN 999999 ELSE CAST(digits AS INTEGER) END * CASE WHEN sign = '-' THEN -1 ELSE 1 END`,
  // Digits times 10 to the power of `shift`, as a whole number.
  'bq_units(digits, shift)': `list_transform([{'d': digits, 'k': shift, 'n': length(digits) + shift}], lambda u: CASE
    WHEN u.d = '' OR u.n < 0 THEN 0::HUGEINT WHEN u.n > 38 THEN NULL WHEN u.k >= 0 THEN CAST(u.d || repeat('0', u.k) AS HUGEINT)
    ELSE CAST('0' || left(u.d, u.n) AS HUGEINT) + CASE WHEN u.d[u.n + 1] >= '5' THEN 1 ELSE 0 END END)[1]`,
  'bq_pointed(sign, units, decimals)': `list_transform([repeat('0', decimals) || CAST(units AS VARCHAR)], lambda t: sign || left(t, -decimals) || '.' || right(t, decimals))[1]`,
  // GoogleSQL's years range from 1 to 9999.
  'bq_date_in_range(d)': `CASE WHEN d >= DATE '0001-01-01' AND d <= DATE '9999-12-31' THEN d END`,
  'bq_datetime_in_range(d)': `CASE WHEN d >= TIMESTAMP '0001-01-01 00:00:00' AND d < TIMESTAMP '10000-01-01 00:00:00' THEN d END`,
  'bq_timestamp_in_range(t)': `list_transform([t], lambda r:
    CASE WHEN r >= TIMESTAMPTZ '0001-01-01 00:00:00+00' AND r < TIMESTAMPTZ '10000-01-01 00:00:00+00' THEN r END)[1]`,
  // Not a text that also contains a time.
  'bq_date(s)': `CASE WHEN regexp_full_match(s, '${DATE}') THEN bq_date_in_range(TRY_CAST(s AS DATE)) END`,
  // Not a text with a time zone.
  'bq_time(s)': `CASE WHEN regexp_full_match(s, '${TIME}') THEN bq_leap_time(regexp_replace(s, '^${TIME}$', '\\1:\\2:\\3\\4'), ':59') END`,
  // Second 60 is the next minute's first; `second` determines its fraction.
  'bq_leap_time(t, second)': leap('TIME'),
  'bq_leap_datetime(t, second)': leap('TIMESTAMP'),
  'bq_leap_timestamp(t, second)': leap('TIMESTAMPTZ'),
  'bq_datetime(s)': `bq_datetime_in_range(CASE WHEN regexp_full_match(s, '${DATE}') THEN TRY_CAST(s AS TIMESTAMP)
    WHEN regexp_full_match(s, '${DATE}[ Tt]${TIME}')
      THEN bq_leap_datetime(regexp_replace(s, '^${DATE}[ Tt]${TIME}$', '\\1-\\2-\\3 \\4:\\5:\\6\\7'), ':59') END)`,
  // A macro expands its argument at every use, so a long one is bound once by a lambda; otherwise the text is too large to plan.
  'bq_timestamp(s)': `list_transform([s], lambda t: bq_timestamp_in_range(CASE
    WHEN regexp_full_match(t, '${DAY}${DAY_ZONE}')
      THEN bq_zoned(regexp_replace(t, '^${DAY}${DAY_ZONE}$', '\\1-\\2-\\3 00:00:00'), regexp_replace(t, '^${DAY}${DAY_ZONE}$', '\\4'))
    WHEN regexp_full_match(t, '${DAY}[ Tt]${TIME}${ZONE}')
      THEN bq_zoned(regexp_replace(t, '^${DAY}[ Tt]${TIME}${ZONE}$', '\\1-\\2-\\3 \\4:\\5:\\6\\7'), regexp_replace(t, '^${DAY}[ Tt]${TIME}${ZONE}$', '\\8')) END))[1]`,
  'bq_zoned(plain, zone)': `bq_leap_datetime(plain, ':59\\1') AT TIME ZONE 'UTC' - list_transform([zone], lambda z: bq_offset(z))[1]`,
  // The offset east of Greenwich; NULL for more than 14 hours.
  'bq_offset(zone)': `CASE WHEN zone = '' OR lower(zone) = 'z' THEN INTERVAL 0 MINUTE ELSE to_minutes(CASE WHEN zone[1] = '-' THEN -1 ELSE 1 END *
    bq_offset_minutes(CAST(regexp_extract(zone, '^.([0-9]{1,2})', 1) AS INTEGER), CAST('0' || regexp_extract(zone, '^.[0-9]{1,2}(?::?([0-9]{1,2}))?$', 1) AS INTEGER))) END`,
  'bq_offset_minutes(hours, minutes)': `CASE WHEN minutes < 60 AND 60 * hours + minutes <= 840 THEN 60 * hours + minutes END`,
  'bq_numeric_text(x)': `regexp_replace(regexp_replace(CAST(x AS VARCHAR), '(\\.[0-9]*?)0+$', '\\1'), '\\.$', '')`,
  // 15 digits if they suffice, otherwise 17.
  'bq_float64_text(x)': `list_transform([x], lambda d: CASE WHEN d = 0 THEN '0' WHEN NOT isfinite(d) THEN CAST(d AS VARCHAR)
    WHEN CAST(printf('%.15g', d) AS DOUBLE) = d THEN printf('%.15g', d) ELSE printf('%.17g', d) END)[1]`,
  // No fraction, or three digits, or six.
  'bq_datetime_text(x)': `regexp_replace(regexp_replace(regexp_replace(strftime(x, '%Y-%m-%d %H:%M:%S.%f'), '000$', ''), '\\.000$', ''), '^([0-9]{1,3})-', '\\1-')`,
  'bq_time_text(x)': `regexp_replace(regexp_replace(strftime(DATE '2000-01-01' + x, '%H:%M:%S.%f'), '000$', ''), '\\.000$', '')`,
  'bq_timestamp_text(x)': `bq_datetime_text(timezone('UTC', x)) || '+00'`,
  'bq_divide(a, b)': `CASE WHEN b = 0 THEN error('division by zero') ELSE CAST(a AS DOUBLE) / CAST(b AS DOUBLE) END`,
  // Exact, rounded half away from zero, if the dividend has at most 20 integer digits.
  'bq_numeric_divide(a, b)': `CASE WHEN b = 0 THEN error('division by zero') ELSE CAST(CAST(sign(a) * sign(b) AS INTEGER) *
    bq_scaled((2 * abs(CAST(a * 1000000000 AS HUGEINT)) * 1000000000 + abs(CAST(b * 1000000000 AS HUGEINT))) // (2 * abs(CAST(b * 1000000000 AS HUGEINT)))) AS DECIMAL(38,9)) END`,
  'bq_scaled(h)': `CAST(h // 1000000000 AS DECIMAL(38,9)) + CAST(CAST(h % 1000000000 AS DECIMAL(38,9)) * CAST(0.000000001 AS DECIMAL(9,9)) AS DECIMAL(38,9))`,
  'bq_mod(a, b)': `CASE WHEN b = 0 THEN error('division by zero') ELSE a % b END`,
  'bq_div(a, b)': `CASE WHEN b = 0 THEN error('division by zero') ELSE a // b END`,
  // Position 0 means 1; positions before the start mean the start.
  'bq_substr_from(s, p)': `CASE WHEN p = 0 OR p < -length(s) THEN 1 ELSE p END`,
  'bq_natural(n, message)': `CASE WHEN n < 0 THEN error(message) ELSE n END`,
};

/** Statements that define the macros, ordered by their dependencies. */
export const macroStatements = Object.entries(MACROS)
  .map(([signature, body]) => ({ signature, body, name: signature.slice(0, signature.indexOf('(')) }))
  .sort((one, other) => depth(one.name) - depth(other.name))
  .map(({ signature, body }) => `CREATE OR REPLACE MACRO ${signature} AS ${body}`);

function depth(name: string): number {
  const own = Object.entries(MACROS).find(([signature]) => signature.startsWith(`${name}(`));
  const used = [...new Set(own?.[1].match(/bq_[a-z0-9_]+(?=\()/g) ?? [])];
  return 1 + Math.max(0, ...used.map(depth));
}
