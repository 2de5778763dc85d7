/** The details of a recorded change in a line, for example `every=day start_date=2024-03-10`; those that are empty are left out. */
export function formatChangeDetails(details: Readonly<Record<string, unknown>>): string {
  const known = Object.entries(details).filter(([, value]) => value !== null && value !== undefined && String(value) !== '');
  // Postgres returns them in an order of its own.
  const ordered = known.toSorted(([one], [other]) => rankOf(one) - rankOf(other));
  return ordered.map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`).join(' ');
}

/** What is read first; the rest follows as it is. */
const FIRST = ['kind', 'from', 'to'];

function rankOf(name: string): number {
  return FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length;
}
