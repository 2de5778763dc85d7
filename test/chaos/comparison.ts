import { normal, plain } from '../../app/local/compare-with-org.ts';
import type { OrgRecord } from '../../app/local/emulators/salesforce/org/org.ts';
import type { ChaosJob } from './job.ts';
import type { World } from './world.ts';

/** How a table differs from the org, in rows. */
export interface Comparison {
  rows: number;
  /** not in the table */
  lost: number;
  /** more than once in the table */
  duplicated: number;
  /** with another value, another mark of deletion, or not in the org */
  corrupted: number;
  /** some differences, one sentence each */
  examples: string[];
}

export interface ComparisonOptions {
  /** records created from then on are not due yet */
  lastDate: string;
  /** fields that windows do not keep current: their values change without a stamp */
  except: (field: string) => boolean;
  /** records that the org no longer has, and that no window could notice */
  purged: ReadonlySet<string>;
}

type Row = Record<string, unknown>;

/** Compares a table with the org, row by row and value by value. */
export async function compareTable(world: World, job: ChaosJob, options: ComparisonOptions): Promise<Comparison> {
  const { object } = job;
  const types = await readTypes(world, object);
  const rows = await world.rows(`SELECT * FROM salesforce.${object}`);
  const left = new Map<string, Row>(rows.map((row) => [String(row.Id), row]));
  const found: Comparison = { rows: rows.length, lost: 0, duplicated: rows.length - left.size, corrupted: 0, examples: [] };
  const note = (kind: 'lost' | 'corrupted', id: unknown, what: string): void => {
    found[kind]++;
    found.examples.push(`${object} ${id} ${what}`);
  };
  for (const record of world.salesforce.org.records(object)) {
    const row = left.get(String(record.Id));
    left.delete(String(record.Id));
    const isAbsent = record.IsDeleted === true && job.deletes === 'remove';
    if (isAbsent && row) note('corrupted', record.Id, 'is deleted in the org, but still in the table');
    if (isAbsent || (!row && String(record.CreatedDate) >= options.lastDate)) continue;
    if (!row) note('lost', record.Id, 'is not in the table');
    const difference = row && findDifference(record, row, types, job, options);
    if (difference) note('corrupted', record.Id, difference);
  }
  for (const [id, row] of left) {
    const isExpected = options.purged.has(id) || (job.deletes !== 'remove' && plain(row._deleted_at) !== null);
    if (!isExpected) note('corrupted', id, 'is not in the org');
  }
  if (job.history) await compareVersions(world, job, rows, options, note);
  if (found.duplicated > 0) found.examples.push(`${object}: ${found.duplicated} rows repeat the Id of another row`);
  return found;
}

/**
 * Compares a table of versions with its target table: each Id and time has one version, and the newest of each Id has the stamp and the mark of
 * its row. A record without a row must be marked, or without versions if the job removes such rows.
 */
async function compareVersions(
  world: World,
  { object, deletes }: ChaosJob,
  rows: readonly Row[],
  { purged }: ComparisonOptions,
  note: (kind: 'lost' | 'corrupted', id: unknown, what: string) => void,
): Promise<void> {
  const left = new Map(rows.map((row) => [String(row.Id), row]));
  const versions = await world.rows(
    `SELECT Id, SystemModstamp, _deleted_at FROM salesforce.${object}_versions WHERE TRUE
     QUALIFY ROW_NUMBER() OVER (PARTITION BY Id ORDER BY _valid_from DESC) = 1`,
  );
  const repeated = await world.rows(
    `SELECT Id, COUNT(*) AS copies FROM salesforce.${object}_versions GROUP BY Id, _valid_from HAVING COUNT(*) > 1`,
  );
  for (const { Id, copies } of repeated) note('corrupted', Id, `has ${copies} versions that are equal`);
  const state = (row: Row): string => `${plain(row.SystemModstamp)}${plain(row._deleted_at) === null ? '' : ', deleted'}`;
  for (const version of versions) {
    const id = String(version.Id);
    const row = left.get(id);
    left.delete(id);
    if (row && state(row) !== state(version))
      note('corrupted', id, `has the row of ${state(row)}, but its newest version is of ${state(version)}`);
    const isExpected = row || purged.has(id) || (deletes !== 'remove' && plain(version._deleted_at) !== null);
    if (!isExpected) note('corrupted', id, 'has a version, but no row');
  }
  for (const id of left.keys()) note('lost', id, 'has no version');
}

/** The types of a table's columns; none if there is no table. */
async function readTypes({ client }: World, object: string): Promise<Map<string, string>> {
  const table = client.dataset('salesforce').table(object);
  const [exists] = await table.exists();
  const [metadata] = exists ? await table.getMetadata() : [{ schema: { fields: [] } }];
  const fields: { name: string; type: string }[] = metadata.schema.fields;
  return new Map(fields.map(({ name, type }) => [name, type]));
}

function findDifference(
  record: OrgRecord,
  row: Row,
  types: ReadonlyMap<string, string>,
  { deletes }: ChaosJob,
  { except }: ComparisonOptions,
): string | undefined {
  const isDeleted = record.IsDeleted === true;
  if ((plain(row._deleted_at) !== null) !== isDeleted)
    return `is ${isDeleted ? 'deleted, but not marked' : 'marked as deleted, but is not'}`;
  if (isDeleted && deletes === 'blank') return undefined;
  for (const [name, value] of Object.entries(record)) {
    if (except(name)) continue;
    const type = types.get(name);
    if (!type) return `has ${name} in the org only`;
    const [expected, found] = [normal(value, type), normal(plain(row[name]), type)];
    if (expected === found) continue;
    const [stamp, since] = [plain(row.SystemModstamp), plain(row._synced_at)];
    return `has ${name} ${JSON.stringify(found)} of ${stamp} (run ${row._run}, ${since}), expected ${JSON.stringify(expected)} of ${record.SystemModstamp}`;
  }
  return undefined;
}
