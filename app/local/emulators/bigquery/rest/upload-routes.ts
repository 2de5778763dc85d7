// Google's upload protocols for load jobs: resumable (a session, chunks, status checks) and multipart (one request).

import type { JobRunner } from '../jobs/job-runner.ts';
import type { Service } from '../service.ts';
import { ApiError } from './api-error.ts';
import { ALREADY_SENT, type Exchange, type Handler, jsonBody, type Router } from './http.ts';
import { readMultipart } from './multipart.ts';
import { requireProject } from './resource.ts';
import { UploadSession } from './upload-session.ts';

/** Google keeps an upload session for a week. */
const SESSION_MS = 7 * 24 * 60 * 60 * 1000;

/** POST and PUT under /upload. */
export function addUploadRoutes(router: Router, service: Service, runner: JobRunner): void {
  const path = '/upload/bigquery/v2/projects/:projectId/jobs';
  const sessions = new Map<string, UploadSession>();
  const start: Handler = (exchange) => {
    requireProject(service, exchange.parameters);
    const type = exchange.query.get('uploadType');
    if (type === 'resumable') return startSession(service, sessions, exchange);
    if (type === 'multipart') return uploadAtOnce(service, runner, exchange);
    throw new ApiError('badRequest', `Invalid upload request: uploadType ${type} is not usable for load jobs`);
  };
  const send: Handler = (exchange) => sendChunk(service, runner, sessions, exchange);
  router.on('POST', path, (exchange) => (exchange.query.has('upload_id') ? send(exchange) : start(exchange)));
  router.on('PUT', path, send);
  router.on('DELETE', path, async (exchange) => {
    await sessionOf(service, sessions, exchange).discard();
    sessions.delete(exchange.query.get('upload_id')!);
    throw new ApiError('gone', 'The upload was cancelled.'); // cspell:ignore gone
  });
}

async function startSession(service: Service, sessions: Map<string, UploadSession>, { request, response }: Exchange): Promise<object> {
  const metadata = await jsonBody(request);
  const declared = request.headers['x-upload-content-length'];
  const session = await UploadSession.start(
    service.spoolFolder,
    metadata,
    declared === undefined ? undefined : Number(declared),
    service.now(),
  );
  sessions.set(session.id, session);
  const base = `http://${request.headers.host}${new URL(request.url!, 'http://localhost').pathname}`;
  response.writeHead(200, {
    Location: `${base}?uploadType=resumable&upload_id=${session.id}`,
    'X-GUploader-UploadID': session.id,
    'Content-Length': 0,
  });
  response.end();
  return ALREADY_SENT;
}

function sessionOf(service: Service, sessions: Map<string, UploadSession>, { query }: Exchange): UploadSession {
  const id = query.get('upload_id') ?? '';
  const session = sessions.get(id);
  const isOld = session && session.startedAt <= service.now() - SESSION_MS;
  if (session && (isOld || service.faults.take('session-expired', `${id} ${session.jobId}`))) sessions.delete(id);
  if (session && sessions.has(id)) return session;
  throw new ApiError('notFound', 'The upload session is not known: it may have expired.');
}

async function sendChunk(service: Service, runner: JobRunner, sessions: Map<string, UploadSession>, exchange: Exchange): Promise<object> {
  const session = sessionOf(service, sessions, exchange);
  const { response, socket } = exchange;
  const subject = `${session.id} ${session.jobId}`;
  const isComplete = await session.receive(exchange, (kind) => service.faults.take(kind, subject));
  if (socket.destroyed) return ALREADY_SENT;
  if (!isComplete) {
    const range: Record<string, string> = session.stored > 0 ? { Range: `bytes=0-${session.stored - 1}` } : {};
    response.writeHead(308, { ...range, 'X-GUploader-UploadID': session.id, 'Content-Length': 0 });
    response.end();
    return ALREADY_SENT;
  }
  session.finish ??= runner.insert(session.metadata, { file: session.file });
  const job = await session.finish;
  if (service.faults.take('lost-final-answer', subject)) {
    socket.destroy();
    return ALREADY_SENT;
  }
  return job.resource;
}

async function uploadAtOnce(service: Service, runner: JobRunner, { request }: Exchange): Promise<object> {
  const { metadata, file } = await readMultipart(request, service.spoolFolder);
  return (await runner.insert(metadata, { file })).resource;
}
