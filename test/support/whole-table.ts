import { expect } from '@jest/globals';
import { normal, plain } from '../../app/local/compare-with-org.ts';
import type { OrgRecord } from '../../app/local/emulators/salesforce/org/org.ts';
import type { TestService } from './service.ts';

/** The records of an object that the table of a job with start date 2023-03-01 must contain by `lastDate`. */
export function dueRecords(service: TestService, object = 'Account', lastDate = '2023-03-20'): OrgRecord[] {
  return [...service.salesforce.org.records(object)].filter(
    (record) => String(record.CreatedDate) < lastDate && String(record.SystemModstamp) >= '2023-03-01',
  );
}

/** Compares an object's table with the org: it must contain each record that is due by `lastDate` once, in its current state, and no other. */
export async function expectWholeTable(service: TestService, object = 'Account', lastDate = '2023-03-20'): Promise<void> {
  const due = dueRecords(service, object, lastDate);
  const rows = await service.rows(`SELECT Id, Name, UNIX_MILLIS(SystemModstamp) AS stamp, IsDeleted FROM salesforce.${object}`);
  const actual = rows.map((row) => [row.Id, row.Name, Number(row.stamp), row.IsDeleted]);
  expect(actual.sort()).toEqual(
    due.map((record) => [record.Id, record.Name, Date.parse(String(record.SystemModstamp)), record.IsDeleted]).sort(),
  );
  const job = (await service.jobs()).find(({ object_name }) => object_name === object);
  expect(job).toMatchObject({ last_date: lastDate, run: { state: 'succeeded', error: null } });
}

export interface TableOptions {
  /** Which records of the org must be in the table; default all. */
  isDue?: (record: OrgRecord) => boolean;
  /** What the job does with deleted rows: default keep. */
  deletes?: 'keep' | 'blank' | 'remove';
  /** The columns of fields that have another name, such as those of a retyped field. */
  columns?: Record<string, string>;
  /** Fields whose values are not compared. */
  except?: string[];
}

/**
 * How an object's table differs from what the connected user sees in the org, one sentence each. Every value of every field is compared,
 * calculated ones too, as they are now. A row that the org does not have, or has in the recycle bin, must be marked as deleted, or be
 * absent if the job removes such rows; every other row must not be marked. Columns of hidden fields are not compared.
 */
export async function differencesFromOrg(service: TestService, object = 'Account', options: TableOptions = {}): Promise<string[]> {
  const [metadata] = await service.client.dataset('salesforce').table(object).getMetadata();
  const fields: { name: string; type: string }[] = metadata.schema.fields;
  const types = new Map(fields.map(({ name, type }) => [name, type]));
  const rows = await service.rows(`SELECT * FROM salesforce.${object}`);
  const left = new Map(rows.map((row) => [String(row.Id), row]));
  const differences = left.size === rows.length ? [] : [`${rows.length - left.size} rows repeat the Id of another row`];
  for (const record of service.salesforce.org.records(object)) {
    if (options.isDue && !options.isDue(record)) continue;
    const row = left.get(String(record.Id));
    left.delete(String(record.Id));
    differences.push(...differencesOf(record, row, types, options).map((difference) => `${record.Id}: ${difference}`));
  }
  for (const [id, row] of left) {
    if (options.deletes === 'remove') differences.push(`${id}: should not be in the table`);
    else if (!isMarked(row)) differences.push(`${id}: is not in the org, and not marked as deleted`);
  }
  return differences;
}

/** The table must be equal to the org, as differencesFromOrg compares them. */
export async function expectTableEqualsOrg(service: TestService, object = 'Account', options: TableOptions = {}): Promise<void> {
  expect(await differencesFromOrg(service, object, options)).toEqual([]);
}

type Row = Record<string, unknown>;

const isMarked = (row: Row) => plain(row._deleted_at) !== null;

function differencesOf(record: OrgRecord, row: Row | undefined, types: Map<string, string>, options: TableOptions): string[] {
  const isDeleted = record.IsDeleted === true;
  const { deletes = 'keep', columns = {}, except = [] } = options;
  if (isDeleted && deletes === 'remove') return row ? ['is deleted in the org, and should not be in the table'] : [];
  if (!row) return ['is missing from the table'];
  const marks = isMarked(row) === isDeleted ? [] : [isDeleted ? 'is not marked as deleted' : 'is marked as deleted, but is not'];
  if (!isDeleted && plain(row._deleted_reason) !== null) marks.push('has a reason for its deletion, but is not deleted');
  if (isDeleted && deletes === 'blank') return marks;
  const values = Object.entries(record).filter(([name]) => !except.includes(name));
  return [
    ...marks,
    ...values.flatMap(([name, value]) => {
      const column = columns[name] ?? name;
      const type = types.get(column);
      if (!type) return [`${name} has no column`];
      const [expected, found] = [normal(value, type), normal(plain(row[column]), type)];
      return expected === found ? [] : [`${name} is ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`];
    }),
  ];
}
