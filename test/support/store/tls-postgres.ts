import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

export interface TlsPostgres {
  [Symbol.asyncDispose](): Promise<void>;
  port: number;
}

/** The host names that have certificates, which tls/make.sh creates. */
export type CertifiedHost = 'localhost' | 'db.example';

const FOLDER = 'test/support/tls';

/** The file of a host's self-signed certificate, for clients that trust it. */
export const certificateFile = (host: CertifiedHost): string => `${FOLDER}/${host}.pem`;

/** The Postgres of this test run behind TLS, on `localhost`, with the certificate of `host`. */
export async function startTlsPostgres(host: CertifiedHost): Promise<TlsPostgres> {
  const { hostname, port } = new URL(process.env.TEST_POSTGRES_URL!);
  const key = readFileSync(`${FOLDER}/key.pem`);
  const cert = readFileSync(certificateFile(host));
  const sockets = new Set<Socket>();
  const server = createServer(async (socket) => {
    sockets.add(socket.on('error', () => {}));
    // A Postgres client first requests TLS in a separate packet.
    await once(socket, 'readable');
    socket.read(8);
    socket.write('S');
    const open = new TLSSocket(socket, { isServer: true, key, cert });
    const postgres = connect(Number(port), hostname);
    sockets.add(postgres.on('error', () => open.destroy()));
    open.on('error', () => postgres.destroy());
    open.pipe(postgres).pipe(open);
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
