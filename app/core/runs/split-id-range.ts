/** The digits of Ids, in Salesforce's case-sensitive order. */
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const BASE = BigInt(DIGITS.length);

/** Significant characters of an Id; the other three only encode the case of these. */
const LENGTH = 15;

/**
 * Splits a range of Ids into `parts` parts of equal width, or fewer if the range is too narrow.
 * @param one the Id at one end of the range; `other` is the Id at the other end, in either order, because an org may sort differently
 * @returns cut points of 15 characters, in order, above the lower end and at most the upper; no record need have them
 */
export function splitIdRange(one: string, other: string, parts: number): string[] {
  const [from, to] = [numberOf(one), numberOf(other)].sort((left, right) => (left < right ? -1 : 1)) as [bigint, bigint];
  const cuts = new Set<bigint>();
  for (let part = 1; part < parts; part++) {
    const cut = from + ((to - from + 1n) * BigInt(part)) / BigInt(parts);
    if (cut > from && cut <= to) cuts.add(cut);
  }
  return [...cuts].map(idOf);
}

/** The Id after this one, of 15 characters; no record need have it. */
export function nextId(id: string): string {
  return idOf(numberOf(id) + 1n);
}

function numberOf(id: string): bigint {
  return [...id.slice(0, LENGTH)].reduce((number, digit) => number * BASE + BigInt(DIGITS.indexOf(digit)), 0n);
}

function idOf(number: bigint): string {
  let id = '';
  for (let rest = number; id.length < LENGTH; rest /= BASE) id = DIGITS[Number(rest % BASE)] + id;
  return id;
}
