// An emulator of BigQuery: its REST routes on top of DuckDB, for work without a cloud. It must never accept what BigQuery rejects.
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Clock } from '../clock.ts';
import { Faults } from '../faults.ts';
import type { Job } from '../jobs/job.ts';
import { JobRegistry } from '../jobs/job-registry.ts';
import { dropOrphans, JobRunner } from '../jobs/job-runner.ts';
import type { Service } from '../service.ts';
import { Catalog } from '../storage/catalog.ts';
import { Database } from '../storage/database.ts';
import { Locks } from '../storage/locks.ts';
import { addClockRoutes, restoreClock } from './clock-routes.ts';
import { addDatasetRoutes } from './dataset-routes.ts';
import { addFaultRoutes } from './fault-routes.ts';
import { Router } from './http.ts';
import { addJobRoutes } from './job-routes.ts';
import { addRowAccessRoutes } from './row-access-routes.ts';
import { addTableRoutes } from './table-routes.ts';
import { addUploadRoutes } from './upload-routes.ts';

export interface BigQueryOptions {
  /** A DuckDB file that stores datasets, tables and jobs; if absent, they are kept in memory. */
  dataFile?: string;
  port?: number;
  project?: string;
  /** The location of datasets that do not specify one. */
  location?: string;
}

export interface BigQueryEmulator {
  /** http://127.0.0.1:PORT */
  url: string;
  project: string;
  location: string;
  /** The resources of all jobs so far, newest first, for tests. */
  jobs(): Job['resource'][];
  close(): Promise<void>;
}

/** Starts the emulator on loopback. Its only project needs no credentials. */
export async function startBigQuery(options: BigQueryOptions = {}): Promise<BigQueryEmulator> {
  const clock = new Clock();
  const service = await openService(options, clock);
  const runner = new JobRunner(service);
  await runner.restore();
  await dropOrphans(service);
  const router = new Router(service.faults);
  addDatasetRoutes(router, service);
  addTableRoutes(router, service);
  addRowAccessRoutes(router, service);
  addJobRoutes(router, service, runner);
  addUploadRoutes(router, service, runner);
  addFaultRoutes(router, service.faults);
  addClockRoutes(router, clock, service.database);
  const server = await router.listen(options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  const { project, location } = service;
  let closing: Promise<void> | undefined;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    await runner.close();
    await service.database.close();
    await rm(service.spoolFolder, { recursive: true, force: true });
  };
  return {
    url: `http://127.0.0.1:${port}`,
    project,
    location,
    jobs: () => service.jobs.list().map(({ resource }) => resource),
    close() {
      closing ??= close();
      return closing;
    },
  };
}

async function openService({ dataFile, project = 'local', location = 'EU' }: BigQueryOptions, clock: Clock): Promise<Service> {
  const now = () => clock.now();
  const database = await Database.open(dataFile, () => clock.shiftMs);
  await restoreClock(clock, database);
  const catalog = await Catalog.open(database, { project, location, now });
  const spoolFolder = await mkdtemp(join(tmpdir(), 'bigquery-emulator-'));
  const jobs = new JobRegistry(project);
  return { project, location, database, catalog, jobs, locks: new Locks(), faults: new Faults(), now, spoolFolder };
}
