// How these tests call the emulator: through Google's client, or through undici for the upload protocol.
import { gzipSync } from 'node:zlib';
import { type Dispatcher, request } from 'undici';
import type { BigQueryEmulator } from '../../../../../app/local/emulators/bigquery/rest/bigquery.ts';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  // biome-ignore lint/suspicious/noExplicitAny: the tests inspect the responses
  body: any;
}

export async function call(
  url: string,
  options: Omit<Dispatcher.RequestOptions, 'path' | 'method' | 'origin'> & { method?: string } = {},
): Promise<Answer> {
  const { statusCode, headers, body } = await request(url, options as never);
  const text = await body.text();
  return { status: statusCode, headers, body: text === '' ? undefined : JSON.parse(text) };
}

export const post = (url: string, body: object) =>
  call(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

export const addFault = (emulator: BigQueryEmulator, fault: object) => post(`${emulator.url}/emulator/faults`, fault);

export interface LoadOptions {
  table: string;
  columns: string[] | { name: string; type: string; mode?: string }[];
  jobId?: string;
  location?: string;
  load?: object;
}

/** A Job that loads into salesforce.<table>; columns are STRING by default. */
export function loadJob({ table, columns, jobId = `load_${crypto.randomUUID()}`, location = 'EU', load = {} }: LoadOptions) {
  const fields = columns.map((column) => (typeof column === 'string' ? { name: column, type: 'STRING' } : column));
  return {
    jobReference: { projectId: 'local', jobId, location },
    configuration: {
      labels: { run: 'r1' },
      load: {
        destinationTable: { projectId: 'local', datasetId: 'salesforce', tableId: table },
        sourceFormat: 'CSV',
        schema: { fields },
        allowQuotedNewlines: true,
        preserveAsciiControlCharacters: true,
        writeDisposition: 'WRITE_APPEND',
        ...load,
      },
    },
  };
}

export async function startUpload(emulator: BigQueryEmulator, job: object): Promise<string> {
  const url = `${emulator.url}/upload/bigquery/v2/projects/${emulator.project}/jobs?uploadType=resumable`;
  const { headers } = await post(url, job);
  return String(headers.location);
}

export const put = (session: string, range: string, bytes: Uint8Array = new Uint8Array()) =>
  call(session, { method: 'PUT', headers: { 'content-range': range, 'content-length': String(bytes.length) }, body: bytes });

/** Waits for a job over HTTP. @returns its resource */
export async function finished(emulator: BigQueryEmulator, jobId: string, location = 'EU') {
  for (;;) {
    const { body } = await call(`${emulator.url}/bigquery/v2/projects/${emulator.project}/jobs/${jobId}?location=${location}`);
    if (body.error || body.status.state === 'DONE') return body;
  }
}

/** Loads text in one request and waits. @returns the job's resource */
export async function loadText(emulator: BigQueryEmulator, options: LoadOptions, text: string | Buffer, gzip = false) {
  const job = loadJob(options);
  const plain = Buffer.from(text as string);
  const bytes = gzip ? gzipSync(plain) : plain;
  const session = await startUpload(emulator, job);
  const range = bytes.length === 0 ? 'bytes */0' : `bytes 0-${bytes.length - 1}/${bytes.length}`;
  const answer = await put(session, range, bytes);
  if (answer.status !== 200) return answer.body;
  return finished(emulator, job.jobReference.jobId, job.jobReference.location);
}

/** The rows of a query as arrays of the strings that BigQuery returns. */
export async function rowsOf(emulator: BigQueryEmulator, query: string, more: object = {}): Promise<unknown[][]> {
  const { body } = await post(`${emulator.url}/bigquery/v2/projects/${emulator.project}/queries`, {
    query,
    useLegacySql: false,
    timeoutMs: 60_000,
    formatOptions: { useInt64Timestamp: true },
    ...more,
  });
  if (body.error) throw Object.assign(new Error(body.error.message), { reason: body.error.errors[0].reason, code: body.error.code });
  return (body.rows ?? []).map((row: { f: { v: unknown }[] }) => row.f.map((cell) => cell.v));
}

/** The error of a statement that BigQuery must reject. */
export async function refusal(emulator: BigQueryEmulator, query: string): Promise<{ message: string; reason: string; code: number }> {
  try {
    await rowsOf(emulator, query);
  } catch (error) {
    const { message, reason, code } = error as Error & { reason: string; code: number };
    return { message, reason, code };
  }
  return { message: 'was accepted', reason: '', code: 200 };
}
