/** The first entries of a list, and how many more it has. */
export interface Excerpt {
  readonly first: readonly string[];
  readonly more: number;
}

/** A picklist of all countries, or a reference to any object, has hundreds. */
const MAX_ENTRIES = 20;

/** Null: the list is empty. */
export function excerptOf(list: readonly string[]): Excerpt | null {
  if (list.length === 0) return null;
  return { first: list.slice(0, MAX_ENTRIES), more: Math.max(0, list.length - MAX_ENTRIES) };
}

/** For example "Hot; Warm; and 3 more". */
export function formatExcerpt({ first, more }: Excerpt, separator = '; '): string {
  return [...first, ...(more > 0 ? [`and ${more} more`] : [])].join(separator);
}

/** As many entries as fit into `length` characters; undefined if none does. */
export function fitExcerpt({ first, more }: Excerpt, length: number, separator = '; '): string | undefined {
  for (let entries = first.length; entries > 0; entries--) {
    const text = formatExcerpt({ first: first.slice(0, entries), more: more + first.length - entries }, separator);
    if (text.length <= length) return text;
  }
  return undefined;
}
