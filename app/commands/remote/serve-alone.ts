import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readConfig } from '../../config.ts';
import { createContext } from '../../context.ts';
import { createEvents } from '../../events.ts';
import { createApp } from '../../http/app.ts';
import { startServer } from '../../http/start-server.ts';
import { createLog } from '../../log.ts';
import { COMMAND_LINE } from '../command.ts';
import { compareStore } from '../compare-store.ts';
import type { RemoteAddress } from './remote-service.ts';

/**
 * Serves the API of the service that the environment configures, to this process alone: on loopback, with a key that nothing else knows. So
 * commands work in a container of the service, where no API key is, and while the service itself is down. Its workers execute the runs. Events
 * go to standard error.
 * @throws ConfigError
 */
export async function serveAlone(env: NodeJS.ProcessEnv): Promise<Omit<RemoteAddress, 'dispatcher'>> {
  const config = readConfig(env);
  const key = randomBytes(32).toString('base64url');
  const caller = { name: COMMAND_LINE, role: 'admin', sha256: createHash('sha256').update(key).digest() } as const;
  const context = createContext({ ...config, http: { ...config.http, keys: [caller] } }, createEvents(createLog(process.stderr)));
  await compareStore(context);
  const server = await startServer(createApp(context), '127.0.0.1', 0);
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    key,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await context.close();
    },
  };
}
