// One process of the service, as `serve --local` runs it, but with tiny slices and pages and with short timeouts. It marks its calls to
// Salesforce with its name, because both processes use the address of the org that the job store contains.
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { checkDatasets } from '../../app/bigquery/tables/datasets.ts';
import { stopSignal } from '../../app/commands/stop-signal.ts';
import { readConfig } from '../../app/config.ts';
import { createContext } from '../../app/context.ts';
import { LIMITS, type Limits } from '../../app/core/connections/limits.ts';
import { createEvents } from '../../app/events.ts';
import { createApp } from '../../app/http/app.ts';
import { createLog } from '../../app/log.ts';
import { migrate, waitForDatabase } from '../../app/store/migrate.ts';
import { Worker } from '../../app/sync/worker.ts';

/** Every step occurs with few rows, and what never answers is given up within seconds. */
const SMALL: Limits = {
  ...LIMITS,
  restRows: 12,
  sliceRows: 40,
  runSlices: 3,
  firstPageRows: 8,
  pageTextBytes: 5_000,
  idleMs: 3_000,
  pageMs: 10_000,
  loginMs: 5_000,
  bulkJobMs: 10_000,
  bigqueryCallMs: 4_000,
  bigqueryJobMs: 8_000,
  noProgressMs: 25_000,
  repairMarginMs: 0,
  pollMs: 15,
  workerPollMs: 300,
  retryMs: 20,
};

const stop = stopSignal();
// Without the chaos there is nothing left to call, and nothing to release.
process.once('disconnect', () => process.exit());
subscribe('undici:request:create', (message) => {
  const { request } = message as { request: { addHeader(name: string, value: string): void } };
  request.addHeader('x-chaos-process', process.env.CHAOS_PROCESS!);
});
const events = createEvents(createLog());
const config = readConfig(process.env, true);
const context = createContext(config, events, SMALL);
await waitForDatabase(context.database);
await migrate(context.database);
await checkDatasets(context.warehouse, config.bigquery.datasets);
const server = createApp(context).listen(0, '127.0.0.1');
await once(server, 'listening');
const worker = new Worker(context);
worker.start();
process.send!((server.address() as AddressInfo).port);
process.on('message', () => {
  globalThis.gc!();
  process.send!(process.getActiveResourcesInfo());
});
if (!stop.aborted) await once(stop, 'abort');
server.close();
await worker.stop();
server.closeAllConnections();
await context.close();
process.disconnect?.();
