/** The details of a recorded change in a line, for example `every=day start_date=2024-03-10`; those that are empty are left out. */
export function formatChangeDetails(details: Readonly<Record<string, unknown>>): string {
  const known = Object.entries(details).filter(([, value]) => value !== null && value !== undefined && String(value) !== '');
  return known.map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`).join(' ');
}
