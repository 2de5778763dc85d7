import type { ColumnType, FieldColumn } from '../../core/fields/columns.ts';

/** Casts Salesforce's text format of each type; NULL if the text is invalid. `x` is an expression. */
export const CASTS: Record<ColumnType, (x: string) => string> = {
  STRING: (x) => x,
  BOOL: (x) => `SAFE_CAST(${x} AS BOOL)`,
  // Through NUMERIC, so that 12.0 becomes 12; a fraction is invalid.
  INT64: (x) => {
    const number = `SAFE_CAST(${x} AS NUMERIC)`;
    return `IF(${number} = TRUNC(${number}), SAFE_CAST(${number} AS INT64), NULL)`;
  },
  FLOAT64: (x) => `SAFE_CAST(${x} AS FLOAT64)`,
  NUMERIC: (x) => `SAFE_CAST(${x} AS NUMERIC)`,
  BIGNUMERIC: (x) => `SAFE_CAST(${x} AS BIGNUMERIC)`,
  DATE: (x) => `SAFE_CAST(${x} AS DATE)`,
  // Accepts Bulk's Z and REST's +0000.
  TIMESTAMP: (x) => `SAFE.PARSE_TIMESTAMP('%Y-%m-%dT%H:%M:%E*S%Ez', ${x})`,
  TIME: (x) => `SAFE.PARSE_TIME('%H:%M:%E*SZ', ${x})`,
};

/** A condition that is true for invalid text: its cast is NULL, or a NUMERIC is rounded to nine decimals. `x` is an expression. */
export function invalidCondition(type: ColumnType, x: string): string {
  const lost = `${CASTS[type](x)} IS NULL`;
  const rounded = `SAFE_CAST(${x} AS NUMERIC) != SAFE_CAST(${x} AS BIGNUMERIC)`;
  return `${x} IS NOT NULL AND ${type === 'NUMERIC' ? `(${lost} OR ${rounded})` : lost}`;
}

/** The value of a field's column, from the text of the field. A hashed one requires the parameter `salt`. `x` is an expression. */
export function columnValue({ type, hashed }: Pick<FieldColumn, 'type' | 'hashed'>, x: string): string {
  return hashed ? `TO_HEX(SHA256(CONCAT(@salt, ${CANONICAL_TEXTS[hashed](x)})))` : CASTS[type](x);
}

/**
 * The text to hash, for each type: as Bulk writes it. REST writes datetimes with another zone, and either may write the same number
 * differently, so numbers and datetimes are written again; invalid text stays. Every number is a double in Salesforce, so that equal ones
 * have the same text whatever the types of their fields.
 */
const CANONICAL_TEXTS: Record<ColumnType, (x: string) => string> = {
  STRING: (x) => x,
  BOOL: (x) => x,
  INT64: numberText,
  FLOAT64: numberText,
  NUMERIC: numberText,
  BIGNUMERIC: numberText,
  DATE: (x) => x,
  TIMESTAMP: (x) => `IFNULL(FORMAT_TIMESTAMP('%E4Y-%m-%dT%H:%M:%E3SZ', ${CASTS.TIMESTAMP(x)}), ${x})`,
  TIME: (x) => x,
};

function numberText(x: string): string {
  return `IFNULL(CAST(SAFE_CAST(${x} AS FLOAT64) AS STRING), ${x})`;
}
