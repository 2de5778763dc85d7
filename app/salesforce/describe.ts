import { excerptOf } from '../core/excerpt.ts';
import type { DescribedField } from '../core/fields/columns.ts';
import { AppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';
import { refusalCode } from './errors.ts';
import { requireApiVersion } from './require-api-version.ts';

/** The parts of a describe that we use. Contains only fields that the connection's user may see. */
export interface ObjectDescription {
  /** as Salesforce spells it */
  name: string;
  /** as users see it */
  label: string;
  queryable: boolean;
  /** whether rows can be edited; AccountHistory, for example, is append-only */
  updateable: boolean;
  /** the first three characters of its Ids; null: none, or several objects share it */
  keyPrefix: string | null;
  fields: DescribedField[];
}

/** The parts of a described field that we use. */
type Field = Omit<DescribedField, 'help' | 'formula' | 'picklist' | 'refersTo'> & {
  inlineHelpText?: string | null;
  calculatedFormula?: string | null;
  picklistValues?: readonly PicklistValue[] | null;
  referenceTo?: readonly string[] | null;
};

interface PicklistValue {
  active: boolean;
  label: string | null;
  value: string;
}

/** A description and its Last-Modified header. */
export interface Described {
  description: ObjectDescription;
  lastModified: string | undefined;
}

/** Describes an object. @throws AppError salesforce_refused (NOT_FOUND) if it does not exist or the user may not see it */
export async function describeObject(client: SalesforceClient, objectName: string): Promise<ObjectDescription> {
  return (await describe(client, objectName))!.description;
}

/** @param since a previous Last-Modified @returns undefined if Salesforce reports no change since */
async function describe(client: SalesforceClient, objectName: string, since?: string): Promise<Described | undefined> {
  const path = describePath(client, objectName);
  const headers = { accept: 'application/json', ...(since !== undefined && { 'if-modified-since': since }) };
  const response = await client.get(`describe ${objectName}`, path, headers).catch(async (error: unknown) => {
    // Salesforce returns the same error for an unknown object and an unknown API version.
    if (refusalCode(error) === 'NOT_FOUND') await requireApiVersion(client);
    throw error;
  });
  if (response.status === 304 && since !== undefined) return undefined;
  return { lastModified: response.headers['last-modified'], description: toDescription(parse(response.body), objectName) };
}

/** The path of an object's description. */
export function describePath({ version }: SalesforceClient, objectName: string): string {
  return `/services/data/v${version}/sobjects/${encodeURIComponent(objectName)}/describe`;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** A description in the body of a response. Its numbers may be text. @throws AppError salesforce_unavailable if it is malformed */
export function toDescription(body: unknown, objectName: string): ObjectDescription {
  if (!isDescription(body)) throw new AppError('salesforce_unavailable', `Salesforce returned a malformed description of ${objectName}.`);
  const { name, label, queryable, updateable, keyPrefix, fields } = body;
  return {
    name,
    label: label || name,
    queryable,
    updateable,
    keyPrefix: keyPrefix ?? null,
    fields: fields.map((field) => ({
      name: field.name,
      type: field.type,
      label: field.label,
      help: field.inlineHelpText ?? null,
      length: Number(field.length ?? 0),
      precision: Number(field.precision ?? 0),
      scale: Number(field.scale ?? 0),
      calculated: field.calculated,
      filterable: field.filterable,
      nillable: field.nillable,
      formula: field.calculatedFormula || null,
      picklist: excerptOf((field.picklistValues ?? []).filter(({ active }) => active).map(formatPicklistValue)),
      refersTo: excerptOf(field.referenceTo ?? []),
    })),
  };
}

/** The value, as records contain it, with the label that users see if it differs. */
function formatPicklistValue({ value, label }: PicklistValue): string {
  return label && label !== value ? `${value} (${label})` : value;
}

function isDescription(body: unknown): body is Omit<ObjectDescription, 'fields'> & { fields: Field[] } {
  const { name, fields } = (body ?? {}) as Record<string, unknown>;
  const isNamed = (field: Partial<Field> | null): boolean => typeof field?.name === 'string' && typeof field.type === 'string';
  return typeof name === 'string' && Array.isArray(fields) && fields.every(isNamed);
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
    const known = this.#known.get(keyOf(connectionId, objectName));
    const startedAt = Date.now();
    const described = await describe(client, objectName, this.lastModified(connectionId, objectName, grantedAt));
    if (!described) return known!.description;
    this.save(connectionId, objectName, described, startedAt);
    return described.description;
  }

  /** The Last-Modified with which a request may be conditional; undefined if it must not be. */
  lastModified(connectionId: number, objectName: string, grantedAt: Date): string | undefined {
    const known = this.#known.get(keyOf(connectionId, objectName));
    return known && known.wholeAt > Math.max(grantedAt.getTime(), Date.now() - MAX_AGE_MS) ? known.lastModified : undefined;
  }

  /** Saves a whole description. @param requestedAt milliseconds since 1970 */
  save(connectionId: number, objectName: string, described: Described, requestedAt: number): void {
    const key = keyOf(connectionId, objectName);
    this.#known.delete(key);
    this.#known.set(key, { ...described, wholeAt: requestedAt });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_DESCRIPTIONS) this.#known.delete(oldest!);
  }

  /** Drops a description that proved stale. */
  forget(connectionId: number, objectName: string): void {
    this.#known.delete(keyOf(connectionId, objectName));
  }
}

function keyOf(connectionId: number, objectName: string): string {
  return `${connectionId}/${objectName}`;
}
