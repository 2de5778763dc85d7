/** The key of a connection: 18-character ids, whatever host the identity URL was given with. */
export interface Identity {
  orgId: string;
  userId: string;
}

const CHECKSUM = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';

/** Makes an 18-character id of a 15-character one: three letters say which characters are capitals. 18 characters stay as they are. */
export function toLongId(id: string): string {
  if (id.length !== 15) return id;
  let suffix = '';
  for (const block of [0, 5, 10]) {
    let bits = 0;
    for (let place = 0; place < 5; place++) {
      if (/[A-Z]/.test(id.charAt(block + place))) bits += 1 << place;
    }
    suffix += CHECKSUM.charAt(bits);
  }
  return id + suffix;
}

/**
 * Reads an identity URL such as `https://login.salesforce.com/id/00D…/005…`: its last two path segments.
 * The host is ignored: it changes with the login host that issued it. Undefined where it is no identity URL.
 */
export function parseIdentityUrl(text: string): Identity | undefined {
  const match = /^https?:\/\/[^/?#]+\/id\/(00D[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?)\/(005[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?)\/?$/.exec(text);
  return match ? { orgId: toLongId(match[1]!), userId: toLongId(match[2]!) } : undefined;
}
