/** One octet of an IPv4 address: 0 to 255. */
export const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';

/** An IPv4 range, for example 198.51.100.0/24. */
export const CIDR = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}/(?:[12]?\\d|3[0-2])$`);

/** The range that contains an address with a prefix: 198.51.100.7/24 is in 198.51.100.0/24. */
export function enclosingRange(cidr: string): string {
  const [address = '', prefix = ''] = cidr.split('/');
  const number = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const first = number - (number % 2 ** (32 - Number(prefix)));
  return `${[24, 16, 8, 0].map((bits) => Math.floor(first / 2 ** bits) % 256).join('.')}/${prefix}`;
}
