import { afterEach, expect, jest, test } from '@jest/globals';
import { doctor } from '../../../app/commands/doctor.ts';
import { repairEnded, startService, type TestService } from '../../support/service.ts';
import { serviceEnvironment } from '../../support/service-environment.ts';

/** Columns that a customer protects with policy tags. */
let service: TestService;

afterEach(() => service[Symbol.asyncDispose]());

const TAG = 'projects/p/locations/eu/taxonomies/1/policyTags/2';
const table = () => service.client.dataset('salesforce').table('Opportunity');

/** The columns with the tag. */
async function tagged(): Promise<string[]> {
  const [{ schema }] = await table().getMetadata();
  const fields: { name: string; policyTags?: { names: string[] } }[] = schema.fields;
  return fields.filter(({ policyTags }) => policyTags?.names.includes(TAG)).map(({ name }) => name);
}

/** Imports a record, then tags two columns, one of which gets a value that it cannot store. */
async function importTagged(): Promise<void> {
  service = await startService({ limits: { retryMs: 60_000 } });
  const { org, clock } = service.salesforce;
  const userId = await service.connect();
  clock.set(new Date('2023-03-05T10:00:00Z'));
  const id = org.insert('Opportunity', { Name: 'Acme', StageName: 'Closed', CloseDate: '2023-05-05' });
  await service.call('create_importing_job', { user_id: userId, object_name: 'Opportunity', start_date: '2023-03-05', history: 'true' });
  await service.tickAt('2023-03-06T00:10:00Z');
  const [{ schema }] = await table().getMetadata();
  const fields = schema.fields.map((field: { name: string }) =>
    ['Name', 'CloseDate'].includes(field.name) ? { ...field, policyTags: { names: [TAG] } } : field,
  );
  await table().setMetadata({ schema: { fields } });
  expect(await tagged()).toEqual(['Name', 'CloseDate']);
  clock.set(new Date('2023-03-06T10:00:00Z'));
  org.update('Opportunity', id, { CloseDate: '12023-05-05', Name: 'Edited' });
}

async function runDoctor(): Promise<string> {
  const { database, salesforce, bigquery } = service;
  const log = jest.spyOn(console, 'log').mockImplementation(() => {});
  try {
    const env = { ...serviceEnvironment(database.url, salesforce, bigquery), API_KEYS: `ops:operate:${'a'.repeat(64)}` };
    await doctor({ args: [], options: {}, env, stop: new AbortController().signal });
    return log.mock.calls.join('\n');
  } finally {
    log.mockRestore();
  }
}

const values = (): Promise<unknown[]> => service.rows('SELECT DISTINCT `column` FROM salesforce._invalid_values');

test('the tags survive new columns, windows, sweeps and rebuilds, and no tagged text is copied elsewhere', async () => {
  await importTagged();
  const { org, clock } = service.salesforce;
  org.changeField('Opportunity', { field: 'Added__c', change: 'add', type: 'date', value: '12023-05-05' });
  expect((await service.tickAt('2023-03-07T00:10:00Z')).text).toMatch(/^OK/);
  expect(await tagged()).toEqual(['Name', 'CloseDate']);
  expect(await values()).toEqual([{ column: 'Added__c' }]);
  expect((await service.jobs())[0]!.run!.receipt).toMatchObject({
    invalid_values: { Added__c: 10, CloseDate: 1 },
    columns_added: ['Added__c'],
  });
  expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', receipt: { backfilled: ['Added__c'] } });
  for (const action of ['reimport', 'rebuild']) {
    expect(await service.repair(action)).toMatchObject({ state: 'succeeded' });
    expect(await tagged()).toEqual(['Name', 'CloseDate']);
  }
  org.changeField('Opportunity', { field: 'Label__c', change: 'add', type: 'string', value: 'x' });
  clock.set(new Date('2023-03-07T10:00:00Z'));
  org.insert('Opportunity', { Name: 'Other', StageName: 'Closed', CloseDate: '2023-05-05' });
  expect((await service.tickAt('2023-03-08T00:10:00Z')).text).toMatch(/^OK/);
  expect(await tagged()).toEqual(['Name', 'CloseDate']);
  expect(await values()).toEqual([{ column: 'Added__c' }]);
});

test('a run that may not update a tagged column fails with the role that it needs, and succeeds once it has it', async () => {
  await importTagged();
  const faults = `${service.bigquery.url}/emulator/faults`;
  const fault = { kind: 'tag-denied', match: TAG, times: 1000 };
  await fetch(faults, { method: 'POST', body: JSON.stringify(fault), headers: { 'content-type': 'application/json' } });
  expect((await service.tickAt('2023-03-07T00:10:00Z')).text).not.toMatch(/^OK/);
  expect((await service.jobs())[0]!.run).toMatchObject({
    state: 'failed',
    error: {
      code: 'bigquery_refused',
      message: expect.stringContaining(
        'Grant the role Fine-Grained Reader (roles/datacatalog.categoryFineGrainedReader) on the policy tag',
      ),
    },
  });
  expect(await runDoctor()).toMatch(
    /FAIL {2}columns with policy tags can be read and updated: .*the role Fine-Grained Reader \(roles\/datacatalog\.categoryFineGrainedReader\)/,
  );
  await fetch(faults, { method: 'DELETE' });
  expect(await runDoctor()).toContain('ok    columns with policy tags can be read and updated: 2 checked');
  expect((await service.tickAt('2023-03-07T00:20:00Z')).text).toMatch(/^OK/);
  expect(await service.rows("SELECT Name FROM salesforce.Opportunity WHERE Name = 'Edited'")).toHaveLength(1);
});
