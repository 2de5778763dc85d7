import type { DescribedField } from '../core/columns.ts';
import { AppError } from '../errors.ts';
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

/** A field as describe has it, as far as we use it. */
type Field = Omit<DescribedField, 'help'> & { inlineHelpText?: string | null };

/** A description, and when Salesforce says that it last changed. */
interface Described {
  description: ObjectDescription;
  lastModified: string | undefined;
}

/** Describes an object. @throws AppError salesforce_refused (NOT_FOUND) where there is none that the user may see */
export async function describeObject(client: SalesforceClient, objectName: string): Promise<ObjectDescription> {
  return (await describe(client, objectName))!.description;
}

/** @param since a Last-Modified of before @returns undefined where Salesforce says that nothing changed since */
async function describe(client: SalesforceClient, objectName: string, since?: string): Promise<Described | undefined> {
  const path = `/services/data/v${client.version}/sobjects/${encodeURIComponent(objectName)}/describe`;
  const headers = { accept: 'application/json', ...(since !== undefined && { 'if-modified-since': since }) };
  const response = await client.get(`describe ${objectName}`, path, headers).catch(async (error: unknown) => {
    // Salesforce says the same of an object and of a version of its API that do not exist.
    if (refusalCode(error) === 'NOT_FOUND') await requireApiVersion(client);
    throw error;
  });
  if (response.status === 304) return undefined;
  const { name, queryable, updateable, fields } = parse(response.body, objectName);
  return {
    lastModified: response.headers['last-modified'],
    description: {
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
    },
  };
}

/** @throws AppError salesforce_unavailable */
function parse(body: Buffer, objectName: string): Omit<ObjectDescription, 'fields'> & { fields: Field[] } {
  try {
    const described = JSON.parse(body.toString('utf8')) as Omit<ObjectDescription, 'fields'> & { fields: Field[] };
    if (Array.isArray(described.fields)) return described;
  } catch {
    // Not JSON: as malformed as JSON without fields.
  }
  throw new AppError('salesforce_unavailable', `Salesforce returned a malformed description of ${objectName}.`);
}

/** Last-Modified need not move when field-level security changes (it is documented for metadata alone): once a day nothing is left to it. */
const TRUSTED_MS = 24 * 60 * 60 * 1000;

/** An object's description takes up to some 200 kB. */
const MAX_DESCRIPTIONS = 200;

/** Remembers descriptions: what is known of an object's fields costs no call, and what did not change is not transferred again. */
export class DescribeCache {
  readonly #known = new Map<string, Described & { wholeAt: number }>();

  /** An object as it was described last; undefined where it was not, or that turned out to be wrong. */
  known(connectionId: number, objectName: string): ObjectDescription | undefined {
    return this.#known.get(keyOf(connectionId, objectName))?.description;
  }

  /**
   * Describes an object. Salesforce may answer that nothing changed, where a whole description came less than a day ago and after
   * `grantedAt`, the user's last login.
   * @throws AppError
   */
  async get(client: SalesforceClient, connectionId: number, objectName: string, grantedAt: Date): Promise<ObjectDescription> {
    const key = keyOf(connectionId, objectName);
    const known = this.#known.get(key);
    const since = known && known.wholeAt > Math.max(grantedAt.getTime(), Date.now() - TRUSTED_MS) ? known.lastModified : undefined;
    const startedAt = Date.now();
    const described = await describe(client, objectName, since);
    if (!described) return known!.description;
    this.#known.delete(key);
    this.#known.set(key, { ...described, wholeAt: startedAt });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_DESCRIPTIONS) this.#known.delete(oldest!);
    return described.description;
  }

  /** Forgets a description that turned out to be wrong. */
  forget(connectionId: number, objectName: string): void {
    this.#known.delete(keyOf(connectionId, objectName));
  }
}

function keyOf(connectionId: number, objectName: string): string {
  return `${connectionId}/${objectName}`;
}
