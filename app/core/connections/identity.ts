/** The key of a connection: 18-character ids, independent of the identity URL's host. */
export interface Identity {
  orgId: string;
  userId: string;
}

const CHECKSUM = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';

/** Converts a 15-character id to 18 characters: the last three encode which characters are capitals. An 18-character id stays as it is. */
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
 * Whether a text has the form of a record's 18-character Id, whose last three characters are a checksum of the case of the others. Salesforce
 * refuses a query that names any other text as an Id.
 */
export function isLongId(text: string): boolean {
  return /^[0-9A-Za-z]{18}$/.test(text) && toLongId(text.slice(0, 15)) === text;
}

/**
 * Parses an identity URL, for example `https://login.salesforce.com/id/00D…/005…`, by its last two path segments.
 * Ignores the host, which depends on the login host that issued it. Undefined if the text is not an identity URL.
 */
export function parseIdentityUrl(text: string): Identity | undefined {
  const match = /^https?:\/\/[^/?#]+\/id\/(00D[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?)\/(005[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?)\/?$/.exec(text);
  return match ? { orgId: toLongId(match[1]!), userId: toLongId(match[2]!) } : undefined;
}
