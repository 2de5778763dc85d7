import { BlockList, isIP } from 'node:net';

/** Where requests must not go at the word of a setting or of DNS: this machine, its neighbors on the link, and the metadata of clouds. */
const FORBIDDEN = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  // Link-local, with the metadata and the credentials of AWS, Google Cloud and Azure.
  ['169.254.0.0', 16],
  // The metadata of Alibaba Cloud, and Azure's.
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['224.0.0.0', 3],
] as const) {
  FORBIDDEN.addSubnet(network, prefix, 'ipv4');
  // IPv4 addresses as NAT64 and 6to4 embed them.
  const [a, b, c, d] = network.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
  FORBIDDEN.addSubnet(`64:ff9b::${a}${b}:${c}${d}`, 96 + prefix, 'ipv6');
  FORBIDDEN.addSubnet(`2002:${a}${b}:${c}${d}::`, 16 + prefix, 'ipv6');
}
for (const [network, prefix] of [
  // Unspecified, loopback, and IPv4 addresses written as IPv6.
  ['::', 96],
  ['fe80::', 10],
  ['ff00::', 8],
  // The metadata of AWS.
  ['fd00:ec2::254', 128],
] as const) {
  FORBIDDEN.addSubnet(network, prefix, 'ipv6');
}

/** Whether an IP address is one of loopback, link-local, multicast or cloud metadata. @returns false for a name */
export function isForbiddenAddress(address: string): boolean {
  const bare = address.replace(/^\[|\]$|%.*$/g, '');
  const version = isIP(bare);
  return version !== 0 && FORBIDDEN.check(bare, version === 6 ? 'ipv6' : 'ipv4');
}
