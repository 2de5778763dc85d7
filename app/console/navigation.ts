/** A place of the menu. */
export interface Place {
  name: string;
  /** below /console; also of all pages below it */
  path: string;
}

/** The menu, in order. */
export const NAVIGATION: readonly Place[] = [
  { name: 'Overview', path: '' },
  { name: 'Jobs', path: '/jobs' },
  { name: 'Connections', path: '/connections' },
];

/** Whether a page belongs to a place. */
export function isAt({ path }: Place, visited: string): boolean {
  if (path === '') return visited === '' || visited === '/';
  return visited === path || visited.startsWith(`${path}/`) || (path === '/jobs' && visited.startsWith('/runs/'));
}
