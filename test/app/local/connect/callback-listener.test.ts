import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type CallbackListener, callbackUrlOf, listenForCallback } from '../../../../app/local/connect/callback-listener.ts';
import { close, listen } from '../../../support/server.ts';

let port: number;
let listener: CallbackListener;
beforeEach(async () => {
  const other = createServer();
  port = Number(new URL(await listen(other)).port);
  await close(other);
  listener = await listenForCallback(port);
});
afterEach(async () => await listener[Symbol.asyncDispose]());

const never = new AbortController().signal;
const callBack = (state: string): Promise<Response> => fetch(`${callbackUrlOf(port)}?code=aPrx&state=${state}`);

test('a callback that the browser sends twice completes the login once, and both pages say how it ended', async () => {
  let calls = 0;
  const finish = async (): Promise<string> => {
    calls++;
    // A login can be used once: another attempt fails, and sooner than the first one succeeds.
    if (calls > 1) throw new Error('This login is not open.');
    await sleep(100);
    return 'connected';
  };
  const received = listener.receive('state-1', finish, never);
  const [first, second] = await Promise.all([callBack('state-1'), callBack('state-1')]);
  expect(await received).toBe('connected');
  expect(calls).toBe(1);
  for (const page of [first, second, await callBack('state-1')]) {
    expect({ url: page.url, text: await page.text() }).toEqual({
      url: `http://localhost:${port}/oauth/done`,
      text: expect.stringContaining('Connected. Close this page'),
    });
  }
});

test('a failed login shows the same on every page, and the next one can succeed', async () => {
  const failed = listener.receive('state-1', () => Promise.reject(new Error('refused')), never);
  const [page] = await Promise.all([callBack('state-1'), expect(failed).rejects.toThrow('refused')]);
  expect(await page.text()).toContain('Not connected.');
  expect(await (await callBack('state-1')).text()).toContain('Not connected.');
  const received = listener.receive('state-2', async () => 'connected', never);
  expect((await callBack('state-1')).status).toBe(404);
  expect(await (await callBack('state-2')).text()).toContain('Connected.');
  expect(await received).toBe('connected');
});

test('a callback of another login completes nothing', async () => {
  const stop = new AbortController();
  const received = listener.receive('state-1', () => Promise.reject(new Error('must not be called')), stop.signal);
  for (const path of ['/oauth/callback?code=aPrx&state=other', '/oauth/callback?code=aPrx', '/other?state=state-1', '//', '//:']) {
    expect((await fetch(`http://localhost:${port}${path}`)).status).toBe(404);
  }
  expect((await fetch(`${callbackUrlOf(port)}?code=aPrx&state=state-1`, { method: 'POST' })).status).toBe(404);
  stop.abort(new Error('stopped'));
  await expect(received).rejects.toThrow('stopped');
});
