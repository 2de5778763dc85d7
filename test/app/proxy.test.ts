import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { request } from 'undici';
import { startService } from '../support/service.ts';

test('requests go through the configured proxy, except those to this machine', async () => {
  const proxied: string[] = [];
  const proxy = createServer((incoming, outgoing) => {
    proxied.push(incoming.url!);
    outgoing.end('from the proxy');
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  {
    await using service = await startService({ env: { HTTP_PROXY: `http://127.0.0.1:${port}` }, worker: false });
    await service.connect();
    expect(proxied).toEqual([]);
    const { body } = await request('http://org.example/services/data', { dispatcher: service.context.dispatcher });
    expect(await body.text()).toBe('from the proxy');
    expect(proxied).toEqual(['http://org.example/services/data']);
  }
  proxy.close();
  proxy.closeAllConnections();
});
