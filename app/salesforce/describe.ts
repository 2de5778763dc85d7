import type { DescribedField } from '../core/columns.ts';
import { requireApiVersion } from './api-versions.ts';
import type { SalesforceClient } from './client.ts';
import { refusalCode } from './errors.ts';

/** What a describe tells of an object, as far as we use it. Only fields that the connection's user may see are there. */
export interface ObjectDescription {
  /** as Salesforce spells it */
  name: string;
  queryable: boolean;
  /** whether its rows can be edited: a log, such as AccountHistory, only grows */
  updateable: boolean;
  fields: DescribedField[];
}

const FRESH_MS = 6 * 60 * 60 * 1000;

/** Describes an object. @throws AppError salesforce_refused (NOT_FOUND) where there is none that the user may see */
export async function describeObject(client: SalesforceClient, objectName: string): Promise<ObjectDescription> {
  const { name, queryable, updateable, fields } = await client
    .call(`describe ${objectName}`, (connection) => connection.describe(objectName))
    .catch(async (error: unknown) => {
      // Salesforce says the same of an object and of a version of its API that do not exist.
      if (refusalCode(error) === 'NOT_FOUND') await requireApiVersion(client);
      throw error;
    });
  return {
    name,
    queryable,
    updateable,
    fields: fields.map((field) => ({
      name: field.name,
      type: field.type,
      label: field.label,
      help: field.inlineHelpText ?? null,
      length: field.length ?? 0,
      precision: field.precision ?? 0,
      scale: field.scale ?? 0,
      calculated: field.calculated,
      filterable: field.filterable,
      nillable: field.nillable,
    })),
  };
}

/** Remembers descriptions for six hours: a describe is large, and asked for at each run. */
export class DescribeCache {
  readonly #descriptions = new Map<string, { description: ObjectDescription; at: number }>();

  async get(client: SalesforceClient, connectionId: number, objectName: string): Promise<ObjectDescription> {
    const key = `${connectionId}/${objectName}`;
    const known = this.#descriptions.get(key);
    if (known && Date.now() - known.at < FRESH_MS) return known.description;
    const description = await describeObject(client, objectName);
    this.#descriptions.set(key, { description, at: Date.now() });
    return description;
  }

  /** Forgets a description that turned out to be wrong. */
  forget(connectionId: number, objectName: string): void {
    this.#descriptions.delete(`${connectionId}/${objectName}`);
  }
}
