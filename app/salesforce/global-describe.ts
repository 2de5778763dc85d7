import { AppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';

/** An object of the org, as the list of all objects shows it. */
export interface ObjectSummary {
  /** as Salesforce spells it */
  name: string;
  label: string;
  queryable: boolean;
}

/** Lists every object that the connection's user can see, about 1,300 (1.2 MB), in one call. @throws AppError */
export async function describeGlobal(client: SalesforceClient): Promise<ObjectSummary[]> {
  const path = `/services/data/v${client.version}/sobjects`;
  const { body } = await client.get('list the objects', path, { accept: 'application/json' });
  const { sobjects } = parse(body);
  if (!Array.isArray(sobjects) || !sobjects.every(isSummary)) {
    throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed list of objects.');
  }
  return sobjects.map(({ name, label, queryable }) => ({ name, label, queryable }));
}

function parse(body: Buffer): { sobjects?: unknown } {
  try {
    return (JSON.parse(body.toString('utf8')) as object | null) ?? {};
  } catch {
    return {};
  }
}

function isSummary(value: unknown): value is ObjectSummary {
  const { name, label, queryable } = (value ?? {}) as Partial<ObjectSummary>;
  return typeof name === 'string' && typeof label === 'string' && typeof queryable === 'boolean';
}
