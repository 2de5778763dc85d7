// The known differences between the emulator and GoogleSQL.

const MAX_DIGITS = 20;
const MAX_DECIMALS = 18;

/** The emulator's value for an input if GoogleSQL's value is `text`. */
export function answerOfEmulator(name: string, input: string, text: string | undefined): string | undefined {
  if (name === 'BIGNUMERIC' && text !== undefined) return keptBignumeric(text);
  if (name === 'plain TIMESTAMP' && NAMED_ZONE.test(input)) return undefined;
  return text;
}

/** It supports UTC and offsets, but no time zone names. */
const NAMED_ZONE = / [A-Z][A-Za-z_]*\/[A-Za-z_/]+$/;

/**
 * It stores a BIGNUMERIC in DuckDB's widest decimal: 20 digits before the decimal point and 18 after it, compared with BigQuery's 38 and 38.
 * More would require text with our own arithmetic, and a described currency has at most 18 digits.
 */
function keptBignumeric(text: string): string | undefined {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) as unknown as [string, string, string, string?];
  const kept = BigInt(whole + fraction.slice(0, MAX_DECIMALS).padEnd(MAX_DECIMALS, '0'));
  const rounded = String(kept + (Number(fraction[MAX_DECIMALS] ?? 0) >= 5 ? 1n : 0n)).padStart(MAX_DECIMALS + 1, '0');
  if (rounded.length > MAX_DIGITS + MAX_DECIMALS) return undefined;
  const trimmed = `${rounded.slice(0, -MAX_DECIMALS)}.${rounded.slice(-MAX_DECIMALS)}`.replace(/\.?0+$/, '');
  return trimmed === '0' ? trimmed : `${sign}${trimmed}`;
}
