import { expect } from '@jest/globals';
import type { OrgRecord } from '../../app/local/emulators/salesforce/org/org.ts';
import type { TestService } from './service.ts';

/** The records of an object that a job from 2023-03-01 has to have in its table by `lastDate`. */
export function dueRecords(service: TestService, object = 'Account', lastDate = '2023-03-20'): OrgRecord[] {
  return [...service.salesforce.org.records(object)].filter(
    (record) => String(record.CreatedDate) < lastDate && String(record.SystemModstamp) >= '2023-03-01',
  );
}

/** Holds an object's table against the org: each record that is due by `lastDate` once, as it now is, and no other. */
export async function expectWholeTable(service: TestService, object = 'Account', lastDate = '2023-03-20'): Promise<void> {
  const due = dueRecords(service, object, lastDate);
  const rows = await service.rows(`SELECT Id, Name, UNIX_MILLIS(SystemModstamp) AS stamp, IsDeleted FROM salesforce.${object}`);
  const found = rows.map((row) => [row.Id, row.Name, Number(row.stamp), row.IsDeleted]);
  expect(found.sort()).toEqual(
    due.map((record) => [record.Id, record.Name, Date.parse(String(record.SystemModstamp)), record.IsDeleted]).sort(),
  );
  const job = (await service.jobs()).find(({ object_name }) => object_name === object);
  expect(job).toMatchObject({ last_date: lastDate, run: { state: 'succeeded', error: null } });
}
