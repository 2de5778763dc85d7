import type { DescribedField } from '../core/columns.ts';
import { AppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';
import { refusalCode } from './errors.ts';
import { requireApiVersion } from './require-api-version.ts';

/** The parts of a describe that we use. Contains only fields that the connection's user may see. */
export interface ObjectDescription {
  /** as Salesforce spells it */
  name: string;
  queryable: boolean;
  /** whether rows can be edited; AccountHistory, for example, is append-only */
  updateable: boolean;
  /** the first three characters of its Ids; null: none, or several objects share it */
  keyPrefix: string | null;
  fields: DescribedField[];
}

/** The parts of a described field that we use. */
type Field = Omit<DescribedField, 'help'> & { inlineHelpText?: string | null };

/** A description and its Last-Modified header. */
interface Described {
  description: ObjectDescription;
  lastModified: string | undefined;
}

/** Describes an object. @throws AppError salesforce_refused (NOT_FOUND) if it does not exist or the user may not see it */
export async function describeObject(client: SalesforceClient, objectName: string): Promise<ObjectDescription> {
  return (await describe(client, objectName))!.description;
}

/** @param since a previous Last-Modified @returns undefined if Salesforce reports no change since */
async function describe(client: SalesforceClient, objectName: string, since?: string): Promise<Described | undefined> {
  const path = `/services/data/v${client.version}/sobjects/${encodeURIComponent(objectName)}/describe`;
  const headers = { accept: 'application/json', ...(since !== undefined && { 'if-modified-since': since }) };
  const response = await client.get(`describe ${objectName}`, path, headers).catch(async (error: unknown) => {
    // Salesforce returns the same error for an unknown object and an unknown API version.
    if (refusalCode(error) === 'NOT_FOUND') await requireApiVersion(client);
    throw error;
  });
  if (response.status === 304 && since !== undefined) return undefined;
  const { name, queryable, updateable, keyPrefix, fields } = parse(response.body, objectName);
  return {
    lastModified: response.headers['last-modified'],
    description: {
      name,
      queryable,
      updateable,
      keyPrefix: keyPrefix ?? null,
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
    },
  };
}

/** @throws AppError salesforce_unavailable */
function parse(body: Buffer, objectName: string): Omit<ObjectDescription, 'fields'> & { fields: Field[] } {
  try {
    const described = JSON.parse(body.toString('utf8')) as Omit<ObjectDescription, 'fields'> & { fields: Field[] };
    const isNamed = ({ name, type }: Field): boolean => typeof name === 'string' && typeof type === 'string';
    if (typeof described.name === 'string' && Array.isArray(described.fields) && described.fields.every(isNamed)) return described;
  } catch {
    // Not JSON, or a field is null: treat it like JSON without fields.
  }
  throw new AppError('salesforce_unavailable', `Salesforce returned a malformed description of ${objectName}.`);
}

/** Last-Modified may not reflect changes of field-level security (only metadata is documented), so describe unconditionally once a day. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** A description takes up to about 200 kB. */
const MAX_DESCRIPTIONS = 200;

/** Caches descriptions: known fields cost no call, and unchanged descriptions are not transferred again. */
export class DescribeCache {
  readonly #known = new Map<string, Described & { wholeAt: number }>();

  /** The last description of an object; undefined if there is none or it was forgotten. */
  cached(connectionId: number, objectName: string): ObjectDescription | undefined {
    return this.#known.get(keyOf(connectionId, objectName))?.description;
  }

  /**
   * Describes an object. The request is conditional if the last full description is less than a day old and newer than `grantedAt`, the
   * user's last login.
   * @throws AppError
   */
  async get(client: SalesforceClient, connectionId: number, objectName: string, grantedAt: Date): Promise<ObjectDescription> {
    const key = keyOf(connectionId, objectName);
    const known = this.#known.get(key);
    const since = known && known.wholeAt > Math.max(grantedAt.getTime(), Date.now() - MAX_AGE_MS) ? known.lastModified : undefined;
    const startedAt = Date.now();
    const described = await describe(client, objectName, since);
    if (!described) return known!.description;
    this.#known.delete(key);
    this.#known.set(key, { ...described, wholeAt: startedAt });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_DESCRIPTIONS) this.#known.delete(oldest!);
    return described.description;
  }

  /** Drops a description that proved stale. */
  forget(connectionId: number, objectName: string): void {
    this.#known.delete(keyOf(connectionId, objectName));
  }
}

function keyOf(connectionId: number, objectName: string): string {
  return `${connectionId}/${objectName}`;
}
