import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startService, type TestService } from '../support/service.ts';

/** Setting up many jobs by a file. */
let service: TestService;

beforeEach(async () => {
  service = await startService({ salesforce: { customObjects: 60 } });
});
afterEach(() => service[Symbol.asyncDispose]());

test('the objects of an org are listed, with why some cannot be imported', async () => {
  const userId = await service.connect();
  const list = async (): Promise<{ name: string; importable: boolean; reason: string | null; rows: number | null; label: string }[]> =>
    JSON.parse((await service.call(`v1/connections/${encodeURIComponent(userId)}/objects`)).text).objects;
  const objects = await list();
  const named = (name: string) => objects.find((object) => object.name === name);
  expect(named('Account')).toMatchObject({ label: 'Account', rows: 41, importable: true, reason: null });
  expect(named('Ledger_0060__c')).toMatchObject({ rows: 5, importable: true });
  expect(named('AccountChangeEvent')).toMatchObject({ importable: false, reason: 'Salesforce does not allow queries of it.' });
  expect(named('ContentDocumentLink')).toMatchObject({ importable: true });
  const answer = await service.call('create_importing_job', { user_id: userId, object_name: 'ContentDocumentLink', start_date: 'all' });
  expect(answer.code).toBe('salesforce_refused');
  expect((await list()).find(({ name }) => name === 'ContentDocumentLink')).toMatchObject({
    importable: false,
    reason: expect.stringContaining('ContentDocumentLink cannot be imported'),
  });
});
