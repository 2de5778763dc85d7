import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { API_KEYS, ConsoleBrowser, textOf } from '../../support/console.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let browser: ConsoleBrowser;
beforeAll(async () => {
  service = await startService({ worker: false, local: false, env: { API_KEYS, PUBLIC_URL: 'https://sync.example.com' } });
  browser = new ConsoleBrowser(service.url);
  await browser.signIn('operate-key');
});
afterAll(() => service[Symbol.asyncDispose]());

const insert = (count: number): Promise<unknown> =>
  service.database.pool.query(
    `INSERT INTO audit (by, action, object_name, details) SELECT 'ops', 'job_paused', 'Object' || n || '__c', '{"reason": "<b>late</b>"}' FROM generate_series(1, $1) AS n`,
    [count],
  );

describe('activity', () => {
  test('is empty at first', async () => {
    expect(textOf(await browser.page('/activity'))).toContain('Nothing has been changed yet.');
  });

  test('lists who changed what, newest first, page by page', async () => {
    await browser.submit(await browser.page('/connections'), '/console/connect-links');
    expect(textOf(await browser.page('/activity'))).toMatch(/connect link created by operate .* login_url=/);
    await insert(60);
    const first = await browser.page('/activity');
    expect(textOf(first)).toContain('When (UTC) What');
    expect(textOf(first)).toMatch(/job paused by ops .*reason=/);
    expect(first.text).toContain('reason=&lt;b>late&lt;/b>');
    expect(first.text.match(/<tr>/g)).toHaveLength(51);
    const second = await browser.click(first, /^Earlier changes$/);
    expect(second.text.match(/<tr>/g)).toHaveLength(12);
    expect(second.text).not.toContain('Earlier changes');
    expect((await browser.click(second, /^Latest changes$/)).url).toBe(`${browser.url}/console/activity`);
    expect(textOf(await browser.page('/activity?before=1'))).toContain('There are no earlier changes.');
    expect((await browser.page('/activity?before=x')).status).toBe(200);
  });

  test.each(['read', 'data'])('is not for a key of role %s, whose menu does not lead there', async (role) => {
    const reader = new ConsoleBrowser(service.url);
    const page = await reader.signIn(`${role}-key`);
    expect(page.text).not.toContain('/console/activity');
    expect((await reader.page('/activity')).status).toBe(403);
  });
});
