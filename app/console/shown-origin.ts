import type { Visit } from './route.ts';

/** The service's address, for a command that is shown. */
export function shownOrigin(visit: Visit): string {
  try {
    return visit.origin();
  } catch {
    return 'https://<host>';
  }
}
