import { once } from 'node:events';
import type { Server } from 'node:http';
import { keepTicking } from '../actions/keep-ticking.ts';
import { pollTickQueue } from '../actions/poll-tick-queue.ts';
import { checkDatasets, type DefaultExpirations, removeDefaultExpirationsCommand } from '../bigquery/tables/datasets.ts';
import { isLoopback } from '../bigquery/warehouse.ts';
import { type Config, readConfig } from '../config.ts';
import { type Context, createContext } from '../context.ts';
import { createEvents, type Events } from '../events.ts';
import { createApp } from '../http/app.ts';
import { startServer } from '../http/start-server.ts';
import { createLog } from '../log.ts';
import { migrate, missingMigrations, waitForDatabase } from '../store/migrate.ts';
import { countOldRows } from '../store/sealed-columns.ts';
import { checkApiVersions } from '../sync/watch/check-api-versions.ts';
import { recordProcess } from '../sync/watch/record-process.ts';
import { watchAlerts } from '../sync/watch/watch-alerts.ts';
import { watchBacklog } from '../sync/watch/watch-backlog.ts';
import { watchOutbox } from '../sync/watch/watch-outbox.ts';
import { watchOverdue } from '../sync/watch/watch-overdue.ts';
import { watchOldRuns } from '../sync/watch/watch-retention.ts';
import { Worker } from '../sync/worker.ts';
import type { Command } from './command.ts';
import { CommandError } from './command-error.ts';
import { offerDatasets } from './offer-datasets.ts';
import { stopWhenUncaught } from './uncaught.ts';

/** Behavior specific to `--local`. */
interface LocalMode {
  listening(url: string): void;
  ticks: boolean;
  /** creates missing datasets without asking */
  yes: boolean;
}

interface ServeOptions {
  local?: boolean;
  data: string;
  portBase?: string;
  clock?: string;
  tick: boolean;
  yes?: boolean;
}

/**
 * Runs the service. With `--local`, emulators supply whatever the environment does not configure: they keep their state in `--data`
 * (.local), use ports from `--port-base` (4444) and can freeze their clock (`--clock`). It then offers to create missing datasets
 * (`--yes` creates them without asking) and ticks every 15 minutes unless `--no-tick` is set. Its log is readable at a terminal.
 */
export const serve: Command<ServeOptions> = async ({ options, env, stop }) => {
  const { tick, yes = false } = options;
  const config = options.local ? undefined : readConfig(env);
  const terminal = options.local ? (await import('../local/terminal-log.ts')).terminalLog(process.stdout) : undefined;
  const events = createEvents(createLog(terminal, config?.metricsNamespace));
  const uncaught = stopWhenUncaught(events);
  const ending = AbortSignal.any([stop, uncaught]);
  if (config) {
    await run(config, events, ending);
    return uncaught.aborted ? 1 : 0;
  }
  const { startLocal } = await import('../local/start-local.ts');
  await using local = await startLocal(env, options);
  await run(readConfig(local.env, true), events, ending, { listening: (url) => local.explain(url, tick), ticks: tick, yes });
  return uncaught.aborted ? 1 : 0;
};

/** Opens and checks everything before accepting requests, and closes it in reverse order. */
async function run(config: Config, events: Events, stop: AbortSignal, local?: LocalMode): Promise<void> {
  const context = createContext(config, events);
  try {
    await waitForDatabase(context.database);
    await prepareStore(context);
    const old = await countOldRows(context.database, context.sealer);
    if (config.tokenKeys.length > 1 || old.unreadable > 0) events.oldTokenKeys(old);
    if (local && !isLoopback(context.warehouse.uploadUrl)) {
      const terminal = { input: process.stdin, output: process.stderr };
      await offerDatasets(context.warehouse, config.bigquery.datasets, { yes: local.yes, terminal, stop });
    }
    for (const defaults of await checkUntilStopped(context, stop)) {
      events.datasetHasDefaultExpiration(defaults, removeDefaultExpirationsCommand(config.bigquery.project, defaults.dataset));
    }
    if (!stop.aborted) await serveUntilStopped(context, stop, local);
  } finally {
    await context.close();
  }
}

/** Migrates the job store, or checks that it is migrated: then the service's role may not change tables. */
async function prepareStore({ database, config, events }: Context): Promise<void> {
  if (config.migrations === 'check') {
    const missing = await missingMigrations(database);
    if (missing.length > 0)
      throw new CommandError(`The job store lacks ${missing.join(', ')}. Run migrate, with the role that owns the tables.`);
    return;
  }
  const migrations = await migrate(database);
  if (migrations.length > 0) events.migrated(migrations);
}

/** @returns an empty list if `stop` aborts meanwhile */
async function checkUntilStopped({ warehouse, config }: Context, stop: AbortSignal): Promise<DefaultExpirations[]> {
  try {
    return await checkDatasets(warehouse.withSignal(stop), config.bigquery.datasets);
  } catch (error) {
    if (stop.aborted) return [];
    throw error;
  }
}

async function serveUntilStopped(context: Context, stop: AbortSignal, local?: LocalMode): Promise<void> {
  const { host, port, publicUrl } = context.config.http;
  const worker = new Worker(context);
  const server = await listen(context, host, port);
  const watches = [watchOverdue(context), watchBacklog(context), watchOldRuns(context), ...(local?.ticks ? [keepTicking(context)] : [])];
  const outbox = watchOutbox(context);
  const alerts = watchAlerts(context);
  const queue = context.tickQueue && pollTickQueue(context, context.tickQueue);
  const record = recordProcess(context);
  try {
    worker.start();
    const { port: taken } = server.address() as { port: number };
    context.events.listening({ host, port: taken, url: publicUrl });
    local?.listening(`http://${host}:${taken}`);
    checkApiVersions(context, stop).catch((error: unknown) => context.events.apiVersionNotChecked(error));
    if (!stop.aborted) await once(stop, 'abort');
    context.events.stopping();
  } finally {
    // Stop accepting requests, finish those in flight, release our runs.
    for (const watch of watches) watch.stop();
    server.close();
    server.closeIdleConnections();
    await Promise.all([worker.stop(), outbox.stop(), alerts.stop(), record.stop(), queue?.stop()]);
    server.closeAllConnections();
  }
}

async function listen(context: Context, host: string, port: number): Promise<Server> {
  try {
    const server = await startServer(createApp(context), host, port);
    // Failing to accept a connection (out of file descriptors, say) must not end the process.
    server.on('error', context.events.connectionNotAccepted);
    return server;
  } catch (error) {
    const { code } = error as { code?: string };
    throw new CommandError(
      code === 'EADDRINUSE'
        ? `Port ${port} is already in use. Stop the process that listens on it, or set PORT.`
        : `Cannot listen on ${host}:${port}: ${code}.`,
    );
  }
}
