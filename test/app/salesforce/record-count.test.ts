import { expect, test } from '@jest/globals';
import { estimateRecordCount, findFirstCreatedDate } from '../../../app/salesforce/record-count.ts';
import { startService } from '../../support/service.ts';

test("reads an object's approximate record count and its oldest CreatedDate", async () => {
  await using service = await startService({ worker: false });
  await service.connect();
  const { rows } = await service.database.pool.query<{ id: number }>('SELECT id FROM connections');
  const client = service.context.salesforce(rows[0]!.id);
  const records = [...service.salesforce.org.records('Account')];
  const oldest = records.map(({ CreatedDate }) => String(CreatedDate)).sort()[0]!;
  expect(await findFirstCreatedDate(client, 'Account')).toEqual(new Date(oldest));
  expect(await estimateRecordCount(client, 'Account')).toBeGreaterThan(0);
  expect(await estimateRecordCount(client, 'Nothing__c')).toBeNull();
});
