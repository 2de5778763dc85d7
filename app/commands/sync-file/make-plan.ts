import type { FileConnection, SyncFile } from '../../core/jobs/sync-file.ts';
import { needsObjects, planConnection, type Step } from '../../core/jobs/sync-plan.ts';
import { nearest } from '../../core/nearest.ts';
import { CommandError } from '../command-error.ts';
import type { RemoteService } from '../remote/remote-service.ts';
import { findConnection, type RemoteConnection, readObjects, readServiceState, type ServiceState } from './service-state.ts';

/** A connection that the file names. */
export interface PlannedConnection extends RemoteConnection {
  /** as the file names it */
  name: string;
}

export interface PlannedStep {
  connection: PlannedConnection;
  step: Step;
}

/** What a file requires of a service. */
export interface SyncPlan {
  steps: readonly PlannedStep[];
  /** what may be a mistake, in sentences */
  warnings: readonly string[];
}

/**
 * Compares a file with what a service has.
 * @param path of the file, for messages
 * @throws CommandError if the file names an unknown connection; RemoteError
 */
export async function makePlan(service: RemoteService, path: string, { connections }: SyncFile, pauseMissing: boolean): Promise<SyncPlan> {
  const state = await readServiceState(service);
  const found = connections.map((connection) => ({ connection, remote: requireConnection(state, path, connection) }));
  const plans: SyncPlan[] = [];
  for (const { connection, remote } of found) {
    const jobs = state.jobs.filter(({ userId }) => userId === remote.user_id);
    const objects = needsObjects(connection.entries, jobs) ? await readObjects(service, remote) : undefined;
    const defaults = { excludeFields: remote.exclude_fields, hashFields: remote.hash_fields };
    const { steps, warnings } = planConnection(connection, defaults, jobs, objects, pauseMissing);
    plans.push({ steps: steps.map((step) => ({ connection: remote, step })), warnings });
  }
  const named = new Set(found.map(({ remote }) => remote.id));
  const others = state.connections.filter(({ id }) => !named.has(id)).flatMap((other) => describeOther(state, other));
  return { steps: plans.flatMap(({ steps }) => steps), warnings: [...plans.flatMap(({ warnings }) => warnings), ...others] };
}

function requireConnection({ connections }: ServiceState, path: string, { name, at }: FileConnection): PlannedConnection {
  const found = findConnection(connections, name);
  if (found) return { ...found, name };
  const aliases = connections.flatMap(({ alias }) => alias ?? []);
  const meant = nearest(name, aliases);
  const known = aliases.length > 0 ? `The service has ${aliases.join(', ')}.` : 'No connection of the service has an alias.';
  throw new CommandError(
    `${path}:${at.line}:${at.column}: The service has no connection ${name}. ${meant ? `Did you mean ${meant}? ` : ''}${known} To give a connection an alias, call PATCH /v1/connections/<id> with alias.`,
  );
}

function describeOther({ jobs }: ServiceState, { alias, user_id }: RemoteConnection): string[] {
  const count = jobs.filter(({ userId }) => userId === user_id).length;
  if (count === 0) return [];
  return [`The connection ${alias ?? user_id} is not in the file: its ${count} ${count === 1 ? 'job is' : 'jobs are'} left alone.`];
}
