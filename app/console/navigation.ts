import type { Permissions } from './route.ts';

/** A place of the menu. */
export interface Place {
  name: string;
  /** below /console; also of all pages below it */
  path: string;
  /** what a caller must be allowed to do to open it */
  requires?: keyof Permissions;
}

/** The menu, in order. */
export const NAVIGATION: readonly Place[] = [
  { name: 'Overview', path: '' },
  { name: 'Jobs', path: '/jobs' },
  { name: 'Connections', path: '/connections' },
  { name: 'Activity', path: '/activity', requires: 'operate' },
  { name: 'Workers', path: '/workers' },
  { name: 'Settings', path: '/settings' },
];

/** Whether a page belongs to a place. */
export function isAt({ path }: Place, visited: string): boolean {
  if (path === '') return visited === '' || visited === '/';
  return visited === path || visited.startsWith(`${path}/`) || (path === '/jobs' && visited.startsWith('/runs/'));
}
