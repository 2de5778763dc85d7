import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostileRequest } from './hostile-request.ts';

/** What came back. */
export interface RawReply {
  text: string;
  /** the server neither responded nor closed the connection within its limits */
  hung: boolean;
}

/** A response is complete if nothing follows for so long. */
const QUIET_MS = 300;

/** A server that waits for the rest of a request learns after this long that none comes, and must then close the connection soon. */
const PATIENCE_MS = 3_000;
const CLOSE_MS = 10_000;

/** Between the parts of a slow request. */
const PAUSE_MS = 400;

/** Sends bytes, and collects what comes back until the connection closes or is quiet after a response. */
export async function sendRaw(port: number, { bytes, slow, halfClosed }: HostileRequest): Promise<RawReply> {
  const chunks: Buffer[] = [];
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let heardAt: number | undefined;
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  // A refusal may reset the connection while the request is still being sent.
  socket.on('error', () => {});
  socket.on('close', resolve);
  socket.on('end', () => socket.end());
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    heardAt = performance.now();
  });
  const half = slow ? bytes.length >> 1 : bytes.length;
  socket.write(bytes.subarray(0, half));
  if (slow) {
    await sleep(PAUSE_MS);
    socket.write(bytes.subarray(half));
  }
  if (halfClosed) socket.end();
  const sentAt = performance.now();
  let endedAt: number | undefined;
  let hung = false;
  const watch = setInterval(() => {
    const now = performance.now();
    if (heardAt !== undefined && now - heardAt > QUIET_MS) socket.destroy();
    else if (endedAt === undefined && now - sentAt > PATIENCE_MS) {
      endedAt = now;
      socket.end();
    } else if (endedAt !== undefined && now - endedAt > CLOSE_MS) {
      hung = true;
      socket.destroy();
    }
  }, 50);
  await closed;
  clearInterval(watch);
  return { text: Buffer.concat(chunks).toString('latin1'), hung };
}
