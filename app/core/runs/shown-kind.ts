import { type RepairScope, repairTask } from './repair-task.ts';

/** What lists call a reimport that only compares or erases. */
const SHOWN: Record<string, string> = { compare: 'compare', clear: 'erase', erase: 'erase' };

/** The kind of a run, as lists show it. @param scope of the run, as stored or as the API returns it */
export function shownKind(kind: string, scope: RepairScope | null): string {
  return SHOWN[repairTask(scope ?? {})] ?? kind;
}
