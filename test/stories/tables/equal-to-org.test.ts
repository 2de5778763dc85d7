import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startService, type TestService } from '../../support/service.ts';
import { differencesFromOrg, expectTableEqualsOrg } from '../../support/whole-table.ts';

/** The comparison that the stories of repairs rely on sees every kind of difference. */
let service: TestService;

beforeEach(async () => {
  service = await startService({ salesforce: { rows: { Account: 12 } } });
  await service.call('create_importing_job', { user_id: await service.connect(), object_name: 'Account', start_date: 'all' });
  service.salesforce.org.changeField('Account', {
    field: 'Age__c',
    change: 'add',
    type: 'double',
    formula: { of: 'today', since: '2023-03-20' },
  });
  await service.tickAt('2023-03-20T00:10:00Z');
});
afterEach(() => service[Symbol.asyncDispose]());

const isDue = (record: Record<string, unknown>) => String(record.CreatedDate) < '2023-03-20';
const differences = async (more: object = {}) => (await differencesFromOrg(service, 'Account', { isDue, ...more })).sort();
const liveIds = () =>
  [...service.salesforce.org.records('Account')].filter((row) => isDue(row) && !row.IsDeleted).map(({ Id }) => String(Id));

test('a fresh import equals the org, and every difference is found', async () => {
  await expectTableEqualsOrg(service, 'Account', { isDue });
  const { org, clock } = service.salesforce;
  const [purged, lost, edited, changed, doubled, missing] = liveIds() as [string, string, string, string, string, string];
  org.purge('Account', purged);
  org.changeAccess('Account', 'hide', lost);
  const stamp = [...org.records('Account')].find(({ Id }) => Id === edited)!.SystemModstamp!;
  org.update('Account', edited, { Site: 'Elsewhere', SystemModstamp: stamp });
  await service.rows(`UPDATE salesforce.Account SET Name = 'By hand' WHERE Id = '${changed}'`);
  await service.rows(`INSERT INTO salesforce.Account SELECT * FROM salesforce.Account WHERE Id = '${doubled}'`);
  await service.rows(`DELETE FROM salesforce.Account WHERE Id = '${missing}'`);
  const ignored = { except: ['LastModifiedDate', 'LastModifiedById'] };
  expect(await differences(ignored)).toEqual([
    `${purged}: is not in the org, and not marked as deleted`,
    `${lost}: is not in the org, and not marked as deleted`,
    expect.stringMatching(`${edited}: Site is .*, expected "Elsewhere"`),
    expect.stringMatching(`${changed}: Name is "By hand", expected .*`),
    `${missing}: is missing from the table`,
    '1 rows repeat the Id of another row',
  ]);
  clock.set(new Date('2023-03-25T00:10:00Z'));
  expect((await differences(ignored)).some((each) => each.includes('Age__c is 0, expected 5'))).toBe(true);
});

test('deleted rows must be marked, or absent if the job removes them, and hidden fields are not compared', async () => {
  const { org } = service.salesforce;
  const bin = [...org.records('Account')].filter((row) => isDue(row) && row.IsDeleted).map(({ Id }) => String(Id));
  expect(bin.length).toBeGreaterThan(0);
  expect(await differences({ deletes: 'remove' })).toEqual(
    bin.map((id) => `${id}: is deleted in the org, and should not be in the table`).sort(),
  );
  expect(await differences({ deletes: 'blank' })).toEqual([]);
  const [restored] = bin as [string];
  org.undelete('Account', restored, false);
  expect(await differences()).toEqual(
    [
      `${restored}: IsDeleted is true, expected false`,
      `${restored}: has a reason for its deletion, but is not deleted`,
      `${restored}: is marked as deleted, but is not`,
    ].sort(),
  );
  org.purge('Account', restored);
  expect(await differences()).toEqual([]);
  org.changeField('Account', { field: 'Site', change: 'hide' });
  await service.rows('UPDATE salesforce.Account SET Site = NULL WHERE TRUE');
  expect(await differences()).toEqual([]);
  org.changeField('Account', { field: 'Later__c', change: 'add', type: 'string', value: 'default' });
  expect((await differences()).every((each) => each.endsWith('Later__c has no column'))).toBe(true);
  expect(await differences({ except: ['Later__c'] })).toEqual([]);
  expect(await differences({ columns: { Later__c: 'Site' } })).not.toEqual([]);
});
