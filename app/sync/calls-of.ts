import type { SalesforceClient } from '../salesforce/client.ts';
import type { Run } from '../store/runs/runs.ts';
import type { RunGroup } from './run-group.ts';

/** The calls to Salesforce of a run's current attempt, with its share of those that several runs shared. @param client of this attempt */
export function callsOf(client: SalesforceClient, run: Run, group: RunGroup | undefined): number {
  return client.calls + (group?.callsOf(run) ?? 0);
}
