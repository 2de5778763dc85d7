import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import Koa from 'koa';
import { startServer } from '../../../app/http/start-server.ts';
import { close } from '../../support/server.ts';

let server: Server;
let url: string;

beforeAll(async () => {
  const app = new Koa();
  app.use(async (ctx) => {
    ctx.body = Object.keys(ctx.headers)
      .filter((name) => name.startsWith('x-'))
      .length.toString();
  });
  server = await startServer(app, '127.0.0.1', 0);
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => close(server));

test('headers of more than 16 KiB are refused', async () => {
  expect((await fetch(url, { headers: { 'x-long': 'x'.repeat(15 * 1024) } })).status).toBe(200);
  expect((await fetch(url, { headers: { 'x-long': 'x'.repeat(17 * 1024) } })).status).toBe(431);
});

test('no more than 100 headers are read', async () => {
  const headers = Object.fromEntries(Array.from({ length: 200 }, (_, number) => [`x-${number}`, '1']));
  expect(Number(await (await fetch(url, { headers })).text())).toBeLessThanOrEqual(100);
});

test('a port in use is an error', async () => {
  const { port } = server.address() as AddressInfo;
  await expect(startServer(new Koa(), '127.0.0.1', port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
