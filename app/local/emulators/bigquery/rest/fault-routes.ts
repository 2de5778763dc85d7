import { FAULT_KINDS, type Faults } from '../faults.ts';
import { jsonBody, type Router } from './http.ts';

/** POST /emulator/faults adds a fault, GET lists the armed ones, DELETE clears them. */
export function addFaultRoutes(router: Router, faults: Faults): void {
  const path = '/emulator/faults';
  router.on('POST', path, async ({ request }) => faults.add(await jsonBody(request)));
  router.on('GET', path, () => ({ kinds: FAULT_KINDS, pending: faults.list() }));
  router.on('DELETE', path, () => {
    faults.clear();
    return undefined;
  });
}
