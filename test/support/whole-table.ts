import { expect } from '@jest/globals';
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
