import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ConsoleBrowser } from '../../../support/console.ts';
import { startService, type TestService } from '../../../support/service.ts';

let service: TestService;
let userId: string;
beforeAll(async () => {
  service = await startService({ worker: false });
  userId = await service.connect();
});
afterAll(() => service[Symbol.asyncDispose]());

test('the live page of a run sends a piece soon after something has changed, and none while nothing changes', async () => {
  const { pool } = service.database;
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-02-01' });
  await service.call('handle_importing_job');
  const { rows } = await pool.query<{ id: string }>(
    `UPDATE runs SET state = 'running', attempt = 1, started_at = now(), lease_until = now() + interval '1 hour' RETURNING id`,
  );
  const closing = new AbortController();
  const { url } = new ConsoleBrowser(service.url);
  const stream = await fetch(`${url}/console/runs/${rows[0]!.id}/live`, { signal: closing.signal });
  const pieces: string[] = [];
  const reading = (async () => {
    for await (const part of stream.body!.pipeThrough(new TextDecoderStream())) pieces.push(part);
  })().catch(() => {});
  // Less than what is shown may be old.
  await sleep(6_000);
  expect(pieces).toHaveLength(1);
  await pool.query(`INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open, state, count_before, requested_at)
    SELECT id, 0, window_from, window_to, true, 'extracting', 4321, now() FROM runs`);
  while (!pieces.join('').includes('4,321')) await sleep(50);
  closing.abort();
  await reading;
});

test('the live page of a run that ends soon after it started never shows again that it was queued', async () => {
  const { pool } = service.database;
  await service.call('create_importing_job', { user_id: userId, object_name: 'Contact', start_date: '2023-02-01' });
  await service.call('handle_importing_job');
  const { rows } = await pool.query<{ id: string }>(`SELECT id FROM runs WHERE state = 'queued'`);
  const { id } = rows[0]!;
  const closing = new AbortController();
  const stream = await fetch(`${new ConsoleBrowser(service.url).url}/console/runs/${id}/live`, { signal: closing.signal });
  let text = '';
  const reading = (async () => {
    for await (const part of stream.body!.pipeThrough(new TextDecoderStream())) text += part;
  })().catch(() => {});
  const shown = async (state: string): Promise<void> => {
    while (!text.includes(`>${state}<`)) await sleep(20);
    text = '';
  };
  await shown('queued');
  await pool.query(
    `UPDATE runs SET state = 'running', attempt = 1, started_at = now(), lease_until = now() + interval '1 hour' WHERE id = $1`,
    [id],
  );
  await shown('running');
  await pool.query(`UPDATE runs SET state = 'cancelled', finished_at = now(), lease_until = NULL WHERE id = $1`, [id]);
  while (text === '') await sleep(20);
  expect(text).toContain('cancelled');
  closing.abort();
  await reading;
});

test('the live page of a job shows what an action has changed at once', async () => {
  const { id } = (await service.jobs()).find(({ object_name }) => object_name === 'Account')!;
  const browser = new ConsoleBrowser(service.url);
  const firstPiece = async (): Promise<string> => {
    const closing = new AbortController();
    const stream = await fetch(`${browser.url}/console/jobs/${id}/live`, { signal: closing.signal });
    for await (const part of stream.body!.pipeThrough(new TextDecoderStream())) {
      closing.abort();
      return part;
    }
    return '';
  };
  await service.database.pool.query(
    `UPDATE runs SET state = 'cancelled', finished_at = now(), lease_until = NULL WHERE finished_at IS NULL`,
  );
  const page = await browser.page(`/jobs/${id}`);
  expect(await firstPiece()).not.toContain('This job is paused');
  await browser.submit(page, `/console/jobs/${id}/pause`);
  expect(await firstPiece()).toContain('This job is paused');
});

test('a page that was opened after a change elsewhere never returns to what was before, also if another process renews it', async () => {
  const { id } = (await service.jobs()).find(({ object_name }) => object_name === 'Account')!;
  const { pool } = service.database;
  const { url } = new ConsoleBrowser(service.url);
  const openPage = async (): Promise<{ text: string; live: string }> => {
    const text = await (await fetch(`${url}/console/jobs/${id}`)).text();
    return { text, live: /hx-sse:connect="([^"]*)"/.exec(text)![1]!.replaceAll('&amp;', '&') };
  };
  const firstPiece = async (address: string): Promise<string> => {
    const closing = new AbortController();
    const stream = await fetch(`${url}${address}`, { signal: closing.signal });
    for await (const part of stream.body!.pipeThrough(new TextDecoderStream())) {
      closing.abort();
      return part;
    }
    return '';
  };
  await pool.query('UPDATE jobs SET active = true WHERE id = $1', [id]);
  expect(await firstPiece((await openPage()).live)).not.toContain('This job is paused');
  await pool.query('UPDATE jobs SET active = false WHERE id = $1', [id]);
  const opened = await openPage();
  expect(opened.text).toContain('This job is paused');
  expect(await firstPiece(opened.live)).toContain('This job is paused');
  await pool.query('UPDATE jobs SET active = true WHERE id = $1', [id]);
  // The page of another process: this one still remembers the job as paused.
  const elsewhere = opened.live.replace(/opened_at=.*/, `opened_at=${Date.now()}`);
  expect(await firstPiece(elsewhere)).not.toContain('This job is paused');
});
