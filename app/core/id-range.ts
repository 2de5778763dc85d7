/** Ids count up in these digits, case and all, and Salesforce compares them so. */
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const BASE = BigInt(DIGITS.length);

/** Characters of an Id that count; three more only check the case of these. */
const LENGTH = 15;

/**
 * Where to cut a range of Ids into so many parts of equal width. Fewer cuts where there are not so many Ids.
 * @param one the Id at one end, and `other` the one at the other: an org may order them otherwise than we do
 * @returns Ids above the lower end and not above the higher, in order, of 15 characters; nothing need bear them
 */
export function cutIds(one: string, other: string, parts: number): string[] {
  const [from, to] = [numberOf(one), numberOf(other)].sort((left, right) => (left < right ? -1 : 1)) as [bigint, bigint];
  const cuts = new Set<bigint>();
  for (let part = 1; part < parts; part++) {
    const cut = from + ((to - from + 1n) * BigInt(part)) / BigInt(parts);
    if (cut > from && cut <= to) cuts.add(cut);
  }
  return [...cuts].map(idOf);
}

function numberOf(id: string): bigint {
  return [...id.slice(0, LENGTH)].reduce((number, digit) => number * BASE + BigInt(DIGITS.indexOf(digit)), 0n);
}

function idOf(number: bigint): string {
  let id = '';
  for (let rest = number; id.length < LENGTH; rest /= BASE) id = DIGITS[Number(rest % BASE)] + id;
  return id;
}
