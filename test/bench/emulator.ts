// The emulators as a process. Arguments: the options of the Salesforce emulator, as JSON; the niceness of the emulators. Counts the calls to
// the org, and its rows.
import { channel } from 'node:diagnostics_channel';
import { chmod, mkdtempDisposable } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBigQuery } from '../../app/local/emulators/bigquery/rest/bigquery.ts';
import { startPostgres } from '../../app/local/emulators/postgres.ts';
import { type SalesforceOptions, startSalesforce } from '../../app/local/emulators/salesforce/salesforce.ts';

/** The addresses of the emulators: the service's environment, and what the benchmark itself needs. */
export interface EmulatorParts {
  env: Record<string, string>;
  /** for the service's data */
  folder: string;
  instanceUrl: string;
  bigQueryUrl: string;
  project: string;
}

let calls = 0;
channel('http.server.request.start').subscribe((message) => {
  const { request } = message as { request: IncomingMessage };
  if (request.url?.startsWith('/services/data')) calls++;
});

const folder = await mkdtempDisposable(join(tmpdir(), 'salesforce-bigquery-bench-'));
// Postgres does not run as root, and its user must be able to reach its folder.
await chmod(folder.path, 0o711);
const postgres = await startPostgres({ dataFolder: join(folder.path, 'postgres') });
// Postgres serves the service's requests, so it does not give way.
if (process.argv[3]) setPriority(Number(process.argv[3]));
const salesforce = await startSalesforce(JSON.parse(process.argv[2]!) as SalesforceOptions);
const bigquery = await startBigQuery({ dataFile: join(folder.path, 'bigquery.duckdb') });

process.on('message', (question: string) =>
  process.send!(question === 'calls' ? calls : rowsBefore(...(question.split(' ') as [string, string]))),
);
process.once('SIGTERM', () => void stop());
process.once('disconnect', () => void stop());
process.send!({
  env: {
    DATABASE_URL: postgres.url,
    SALESFORCE_LOGIN_URL: salesforce.loginUrl,
    SALESFORCE_CLIENT_ID: salesforce.clientId,
    SALESFORCE_CLIENT_SECRET: salesforce.clientSecret,
    SCHEDULE_CLOCK_URL: `${salesforce.instanceUrl}/emulator/clock`,
    GOOGLE_CLOUD_PROJECT: bigquery.project,
    BIGQUERY_LOCATION: bigquery.location,
    BIGQUERY_API_ENDPOINT: bigquery.url,
    TOKEN_KEYS: Buffer.alloc(32, 'bench').toString('base64'),
  },
  folder: join(folder.path, 'service'),
  instanceUrl: salesforce.instanceUrl,
  bigQueryUrl: bigquery.url,
  project: bigquery.project,
} satisfies EmulatorParts);

/** How many rows of an object were created before a day, including deleted ones. */
function rowsBefore(object: string, day: string): number {
  const table = salesforce.org.table(object)!;
  let rows = 0;
  for (const row of table.rows()) if (String(table.value(row, 'CreatedDate')) < day) rows++;
  return rows;
}

async function stop(): Promise<void> {
  await Promise.all([salesforce.close(), bigquery.close()]);
  await postgres.close();
  await folder.remove();
  process.exit();
}
