// Where the emulator is known to differ from GoogleSQL, and how.

const MAX_DIGITS = 20;
const MAX_DECIMALS = 18;

/** What the emulator answers where GoogleSQL answers `text`. */
export function answerOfEmulator(name: string, input: string, text: string | undefined): string | undefined {
  if (name === 'BIGNUMERIC' && text !== undefined) return keptBignumeric(text);
  if (name === 'plain TIMESTAMP' && NAMED_ZONE.test(input)) return undefined;
  return text;
}

/** It knows UTC and offsets, and no names of places. */
const NAMED_ZONE = / [A-Z][A-Za-z_]*\/[A-Za-z_/]+$/;

/**
 * It keeps a BIGNUMERIC in DuckDB's widest decimal, 20 digits before the point and 18 after it, where BigQuery has 38 and 38. More would
 * mean text with arithmetic of our own, and a described currency has 18 digits at most.
 */
function keptBignumeric(text: string): string | undefined {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) as unknown as [string, string, string, string?];
  const kept = BigInt(whole + fraction.slice(0, MAX_DECIMALS).padEnd(MAX_DECIMALS, '0'));
  const rounded = String(kept + (Number(fraction[MAX_DECIMALS] ?? 0) >= 5 ? 1n : 0n)).padStart(MAX_DECIMALS + 1, '0');
  if (rounded.length > MAX_DIGITS + MAX_DECIMALS) return undefined;
  const shown = `${rounded.slice(0, -MAX_DECIMALS)}.${rounded.slice(-MAX_DECIMALS)}`.replace(/\.?0+$/, '');
  return shown === '0' ? shown : `${sign}${shown}`;
}
