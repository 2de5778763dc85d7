import { expect } from '@jest/globals';
import { type GatewayService, startGatewayService } from './gateway.ts';
import { type RunView, readAnswer, type TestService, type TestServiceOptions } from './service.ts';
import { differencesFromOrg, type TableOptions } from './whole-table.ts';

export type Deletes = 'keep' | 'blank' | 'remove';

/** A service that has imported the first window of Account, with five records of our own. */
export async function importAccounts(
  options: TestServiceOptions & { deletes?: Deletes } = {},
): Promise<{ service: GatewayService; ids: string[] }> {
  const { deletes = 'keep', ...rest } = options;
  const service = await startGatewayService(rest);
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  const ids = ['One', 'Two', 'Three', 'Four', 'Five'].map((Name) => service.salesforce.org.insert('Account', { Name }));
  const fields = { user_id: await service.connect(), object_name: 'Account', start_date: '2023-03-01', deletes };
  await service.call('create_importing_job', fields);
  await service.tickAt('2023-03-20T00:10:00Z');
  return { service, ids };
}

/** Sweeps, and waits for the reimport that may follow. @returns the sweep */
export async function sweep(service: TestService): Promise<RunView> {
  await service.repair('sweep');
  return await latestSweep(service);
}

export async function latestSweep(service: TestService): Promise<RunView> {
  const { rows } = await service.database.pool.query(`SELECT id FROM runs WHERE kind = 'sweep' ORDER BY created_at DESC LIMIT 1`);
  const { text } = await readAnswer(await fetch(`${service.url}/v1/runs/${rows[0].id}`));
  return JSON.parse(text) as RunView;
}

/** Sweeps. The receipt must be as given, and after the reimport, the table must be equal to the org. */
export async function expectEqualAfterSweep(
  service: TestService,
  receipt: Record<string, unknown>,
  deletes: Deletes = 'keep',
): Promise<RunView> {
  const run = await sweep(service);
  expect(run).toMatchObject({ state: 'succeeded', error: null, receipt });
  expect(await differences(service, { deletes })).toEqual([]);
  expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-20' });
  return run;
}

/** How the table differs from the org, apart from records that were changed after last_date, 2023-03-20: they belong to the next window. */
export async function differences(service: TestService, options: TableOptions = {}): Promise<string[]> {
  const records = [...service.salesforce.org.records('Account')];
  const changedLater = new Set(records.filter(({ SystemModstamp }) => String(SystemModstamp) >= '2023-03-20').map(({ Id }) => String(Id)));
  const isDue: TableOptions['isDue'] = ({ SystemModstamp }) =>
    String(SystemModstamp) >= '2023-03-01' && String(SystemModstamp) < '2023-03-20';
  const found = await differencesFromOrg(service, 'Account', { isDue, ...options });
  return found.filter((difference) => !changedLater.has(difference.slice(0, 18)));
}
