import { BigQuery } from '@google-cloud/bigquery';
import { GoogleAuth, PassThroughClient } from 'google-auth-library';
import type { Dispatcher } from 'undici';

export interface WarehouseConfig {
  /** the project that pays */
  project: string;
  location: string;
  /** another endpoint than Google's: an emulator, a private one */
  endpoint: string | undefined;
  stagingDataset: string;
}

/** An open door to BigQuery: the client for everything but uploads, and what an upload needs. */
export interface Warehouse {
  readonly client: BigQuery;
  readonly project: string;
  readonly location: string;
  readonly stagingDataset: string;
  /** where resumable uploads begin */
  readonly uploadUrl: string;
  readonly dispatcher: Dispatcher;
  /** asked before each request of an upload, since a token may end during it */
  authHeaders(): Promise<Record<string, string>>;
}

const GOOGLE = 'https://bigquery.googleapis.com';
const SCOPE = 'https://www.googleapis.com/auth/bigquery';

/** Opens BigQuery with the application default credentials, or without any where the endpoint is on this machine. */
export function openWarehouse(config: WarehouseConfig, dispatcher: Dispatcher): Warehouse {
  const endpoint = (config.endpoint ?? GOOGLE).replace(/\/$/, '');
  const auth = isLoopback(endpoint) ? undefined : new GoogleAuth({ scopes: [SCOPE], projectId: config.project });
  return {
    client: new BigQuery({
      projectId: config.project,
      location: config.location,
      ...(config.endpoint && { apiEndpoint: endpoint }),
      // A pass-through client sends no credentials, and looks for none.
      ...(!auth && { authClient: new PassThroughClient() }),
    }),
    project: config.project,
    location: config.location,
    stagingDataset: config.stagingDataset,
    uploadUrl: `${endpoint}/upload/bigquery/v2/projects/${encodeURIComponent(config.project)}/jobs?uploadType=resumable`,
    dispatcher,
    async authHeaders() {
      if (!auth) return {};
      return Object.fromEntries(await (await auth.getClient()).getRequestHeaders());
    },
  };
}

/** True for an address that nobody but this machine can answer at. */
export function isLoopback(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
}
