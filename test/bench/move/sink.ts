// A stand-in for BigQuery: discards resumable uploads and plain PUTs, and reports every job as done.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface Job {
  jobReference: { jobId: string };
  status?: { state: string };
}

const jobs = new Map<string, Job>();
/** Bytes received since the benchmark's last question. */
let received = 0;

const server = createServer((request, response) => {
  handle(request, response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.on('message', () => {
  process.send!(received);
  received = 0;
});
process.once('disconnect', () => process.exit());
process.send!({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url!, `http://${request.headers.host}`);
  if (request.method === 'POST') return await startUpload(request, response, url);
  if (request.method === 'PUT') return await receiveChunk(request, response, url);
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(jobs.get(url.pathname.split('/').at(-1)!)));
}

async function startUpload(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const job = (await json(request)) as Job;
  jobs.set(job.jobReference.jobId, job);
  url.searchParams.set('upload_id', job.jobReference.jobId);
  response.writeHead(200, { Location: url.href, 'Content-Length': 0 }).end();
}

async function receiveChunk(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  request.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await once(request, 'end');
  const [, last, total] = /^bytes \d+-(\d+)\/(\d+|\*)$/.exec(request.headers['content-range'] ?? '') ?? [];
  if (total === '*') return void response.writeHead(308, { Range: `bytes=0-${last}`, 'Content-Length': 0 }).end();
  const job = jobs.get(url.searchParams.get('upload_id') ?? '');
  if (job) job.status = { state: 'DONE' };
  response.end(JSON.stringify(job ?? {}));
}
