const { floor } = Math;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SUFFIX = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';
/** Characters 4 to 6 of every id: the pod where the record was created, and a reserved one. */
const POD = '5e0';
const NUMBER_LENGTH = 9;
const CAPITAL_A = 65;
const CAPITAL_Z = 90;

/** The 18-character id of the record with this number, such as `0015e00000000081AAA`. */
export function recordId(keyPrefix: string, number: number): string {
  let digits = '';
  for (let rest = number; digits.length < NUMBER_LENGTH; rest = floor(rest / 62)) digits = DIGITS[rest % 62] + digits;
  return withSuffix(keyPrefix + POD + digits);
}

/** The number in an id of 15 or 18 characters; undefined if it is not one of this org's ids. */
export function recordNumber(keyPrefix: string, id: string): number | undefined {
  const short = id.slice(0, 15);
  if (!short.startsWith(keyPrefix + POD) || (id !== short && id !== withSuffix(short)) || short.length !== 15) return undefined;
  let number = 0;
  for (const character of short.slice(6)) number = number * 62 + DIGITS.indexOf(character);
  return number;
}

/** Appends the three characters that make a 15-character id safe when case is lost. */
export function withSuffix(short: string): string {
  let suffix = '';
  for (let start = 0; start < 15; start += 5) {
    let capitals = 0;
    for (let place = 0; place < 5; place++) if (isCapital(short.charCodeAt(start + place))) capitals |= 1 << place;
    suffix += SUFFIX[capitals];
  }
  return short + suffix;
}

function isCapital(code: number): boolean {
  return code >= CAPITAL_A && code <= CAPITAL_Z;
}
