import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { API_KEYS, ConsoleBrowser, textOf } from '../../support/console.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let userId: string;
beforeAll(async () => {
  service = await startService({ local: false, env: { API_KEYS } });
  const identity = '00D000000000000EAA/005000000000001AAA';
  userId = `${service.salesforce.loginUrl}/id/${identity}`;
  await service.database.pool.query(
    `INSERT INTO connections (id, org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token) OVERRIDING SYSTEM VALUE
     VALUES (1, '00D000000000000EAA', '005000000000001AAA', $1, $2, $2, '', '')`,
    [userId, service.salesforce.loginUrl],
  );
});
afterAll(() => service[Symbol.asyncDispose]());

async function signIn(role: string): Promise<ConsoleBrowser> {
  const browser = new ConsoleBrowser(service.url);
  await browser.signIn(`${role}-key`);
  return browser;
}

/** Adds a job whose target table has this name. @returns its id */
async function addJob(object: string): Promise<string> {
  const { rows } = await service.database.pool.query<{ id: string }>(
    `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, every, start_date, synced_to, wanted_to)
     VALUES (1, $1, 'SystemModstamp', 'salesforce', $1, 'day', '2023-03-01', '2023-03-01', '2023-03-01') RETURNING id`,
    [object],
  );
  return rows[0]!.id;
}

describe('the data of a job', () => {
  test('are the first rows of its table, with the names and types of its columns', async () => {
    const id = await addJob('Invoice__c');
    const table = { Id: 'STRING', Amount__c: 'NUMERIC', SystemModstamp: 'TIMESTAMP', Note__c: 'STRING' };
    const fields = Object.entries(table).map(([name, type]) => ({ name, type }));
    await service.client.dataset('salesforce').createTable('Invoice__c', { schema: { fields } });
    const browser = await signIn('data');
    expect(textOf(await browser.page(`/jobs/${id}/data`))).toContain('The table has no rows yet.');
    await service.rows(
      `INSERT INTO salesforce.Invoice__c (Id, Amount__c, SystemModstamp, Note__c)
       SELECT CONCAT('a0', CAST(n AS STRING)), NUMERIC '12.5', TIMESTAMP '2023-03-01 10:15:00.250 UTC', IF(n = 1, '<i>first</i>', NULL) FROM UNNEST([${Array.from({ length: 60 }, (_, index) => index + 1)}]) AS n`,
    );
    const page = await browser.page(`/jobs/${id}/data`);
    expect(textOf(page)).toMatch(/50 of 60 rows, in no order Id STRING Amount__c NUMERIC SystemModstamp TIMESTAMP Note__c STRING/);
    expect(textOf(page)).toMatch(/a01 12\.5 2023-03-01T10:15:00\.250Z <i>first<\/i>|a01 12\.5 2023-03-01T10:15:00\.250Z <i>first/);
    expect(page.text).toContain('&lt;i>first&lt;/i>');
    expect(textOf(page)).toContain('a02 12.5 2023-03-01T10:15:00.250Z NULL');
    expect(page.text.match(/<tr>/g)).toHaveLength(51);
    expect(page.headers['cache-control']).toBe('no-store');
    expect(page.text).not.toContain('console.cloud.google.com');
    expect(service.logged.join('')).not.toContain('first</i>');
  });

  test('without a table say that the first import creates it', async () => {
    const id = await addJob('Missing__c');
    const page = await (await signIn('admin')).page(`/jobs/${id}/data`);
    expect(textOf(page)).toContain('The table does not exist yet: the first import creates it.');
  });

  test('whose table was dropped after an import say that a rebuild creates it again', async () => {
    const id = await addJob('Dropped__c');
    await service.database.pool.query(`UPDATE jobs SET synced_to = '2023-03-02' WHERE id = $1`, [id]);
    for (const role of ['data', 'admin']) {
      const page = await (await signIn(role)).page(`/jobs/${id}/data`);
      expect(textOf(page)).toContain('The table is missing. Rebuild the job.');
      // One of them is in the menu.
      expect(page.text.split(`action="/console/jobs/${id}/rebuild"`)).toHaveLength(role === 'admin' ? 3 : 1);
    }
  });

  test('need a job', async () => {
    const browser = await signIn('data');
    for (const id of ['x', randomUUID()]) expect((await browser.page(`/jobs/${id}/data`)).status).toBe(404);
  });

  test.each([
    ['read', false],
    ['data', true],
    ['operate', false],
    ['admin', true],
  ])('are shown to a key of role %s: %s', async (role, may) => {
    const id = await addJob(`Of_${role}__c`);
    const browser = await signIn(role);
    expect((await browser.page(`/jobs/${id}`)).text.includes(`/console/jobs/${id}/data`)).toBe(may);
    const page = await browser.page(`/jobs/${id}/data`);
    expect(page.status).toBe(may ? 200 : 403);
    if (!may) expect(textOf(page)).toContain('Sign in with a key of role data or admin.');
  });
});
