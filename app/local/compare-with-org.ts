import { BigQuery } from '@google-cloud/bigquery';
import { PassThroughClient } from 'google-auth-library';
import type { EmulatorEndpoints } from './emulators/emulators.ts';

type Value = string | number | boolean | null;
type Row = Record<string, Value>;

export interface Comparison {
  rows: number;
  /** rows that are deleted in Salesforce */
  deleted: number;
  values: number;
  /** one sentence each */
  differences: string[];
}

/** The service's own columns, which the org does not have. */
const OWN = new Set(['_synced_at', '_run', '_deleted_at', '_deleted_reason']);

/**
 * Compares a table with the org. The table must have exactly the rows that were created before `lastDate` and stamped since `startDate`,
 * including deleted ones, with the same value in every field. Shares no code with the import, so a bug cannot hide on both sides.
 */
export async function compareObject(
  emulator: EmulatorEndpoints,
  objectName: string,
  table: string,
  startDate: string,
  lastDate: string,
): Promise<Comparison> {
  const [dataset = '', name = ''] = table.split('.');
  const { endpoint, project, location } = emulator.bigquery;
  const client = new BigQuery({ projectId: project, location, apiEndpoint: endpoint, authClient: new PassThroughClient() });
  const [metadata] = await client.dataset(dataset).table(name).getMetadata();
  const { fields } = (metadata as { schema: { fields: { name: string; type: string }[] } }).schema;
  const types = new Map(fields.map((field) => [field.name, field.type]));
  const [rows] = await client.query(`SELECT * FROM \`${project}.${dataset}.${name}\``);
  const left = new Map((rows as Record<string, unknown>[]).map((row) => [row.Id as string, row]));

  const result: Comparison = { rows: left.size, deleted: 0, values: 0, differences: [] };
  if (left.size !== rows.length) result.differences.push(`${rows.length - left.size} rows repeat the Id of another row`);
  const since = startDate === 'all' ? Number.NEGATIVE_INFINITY : Date.parse(startDate);
  for await (const record of readOrg(emulator, objectName)) {
    // Append-only objects have no SystemModstamp, only CreatedDate.
    const stamp = record.SystemModstamp ?? record.CreatedDate!;
    if (!(instant(record.CreatedDate!) < Date.parse(lastDate) && instant(stamp) >= since)) continue;
    const id = record.Id as string;
    const row = left.get(id);
    left.delete(id);
    if (row) compareRow(id, record, row, types, result);
    else result.differences.push(`${id} is missing from BigQuery`);
  }
  for (const id of left.keys()) result.differences.push(`${id} is in BigQuery but should not be`);
  return result;
}

function compareRow(id: string, record: Row, row: Record<string, unknown>, types: Map<string, string>, result: Comparison): void {
  for (const name of [...Object.keys(record), ...types.keys()]) {
    if (!OWN.has(name) && !(name in record && types.has(name))) result.differences.push(`${id}: ${name} exists on one side only`);
  }
  for (const [name, value] of Object.entries(record)) {
    result.values++;
    const expected = normal(value, types.get(name));
    const found = normal(plain(row[name]), types.get(name));
    if (expected !== found) result.differences.push(`${id}: ${name} is ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
  }
  if (record.IsDeleted === true) result.deleted++;
  if ((record.IsDeleted === true) !== (plain(row._deleted_at) !== null))
    result.differences.push(`${id}: _deleted_at does not match IsDeleted`);
}

/** Normalizes values that are equal but formatted differently, by column type. */
export function normal(value: Value, type: string | undefined): Value {
  if (value === null) return null;
  switch (type) {
    case 'TIMESTAMP':
      return instant(value);
    case 'TIME':
      return String(value).replace(/Z$/, '').replace(/\.0+$/, '');
    case 'INTEGER':
    case 'FLOAT':
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return Number(value);
    default:
      return value;
  }
}

function instant(value: Value): number {
  return Date.parse(String(value));
}

/** The client wraps dates, times and decimals. */
export function plain(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object') return value as Value;
  return 'value' in value ? (value.value as Value) : String(value);
}

async function* readOrg(emulator: EmulatorEndpoints, objectName: string): AsyncGenerator<Row> {
  const response = await fetch(`${emulator.salesforce.instance_url}/emulator/records?object=${objectName}`);
  if (!response.ok || !response.body) throw new Error(`The emulator did not return its ${objectName} records (HTTP ${response.status}).`);
  // readline would also break lines at U+2028, which may occur in a record's text.
  let rest = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as Row;
  }
  if (rest) yield JSON.parse(rest) as Row;
}
