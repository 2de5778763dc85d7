import { BigQuery } from '@google-cloud/bigquery';
import { type AuthClient, PassThroughClient } from 'google-auth-library';
import type { Dispatcher } from 'undici';
import { LIMITS } from '../core/limits.ts';
import { defaultCredentials, federatedCredentials } from './credentials.ts';
import type { Federation } from './federated-client.ts';

/** Resumable: in chunks, of any size. Multipart: in one request, held whole. */
export type UploadProtocol = 'resumable' | 'multipart';

export interface WarehouseConfig {
  /** the project that pays */
  project: string;
  location: string;
  /** another endpoint than Google's: an emulator, a private one */
  endpoint: string | undefined;
  stagingDataset: string;
  /** by which of Google's protocols a page is uploaded; resumable unless told */
  upload?: UploadProtocol;
  /** keyless access from AWS; undefined: the application default credentials */
  federation: Federation | undefined;
}

/** An open door to BigQuery: the client for everything but uploads, and what an upload needs. */
export interface Warehouse {
  readonly client: BigQuery;
  readonly project: string;
  readonly location: string;
  readonly stagingDataset: string;
  readonly upload: UploadProtocol;
  /** where uploads begin, without their `uploadType` */
  readonly uploadUrl: string;
  readonly dispatcher: Dispatcher;
  /** the pause after the first look at a job */
  readonly pollMs: number;
  /** asked before each request of an upload, since a token may end during it */
  authHeaders(): Promise<Record<string, string>>;
}

const GOOGLE = 'https://bigquery.googleapis.com';
const SCOPE = 'https://www.googleapis.com/auth/bigquery';

/** Opens BigQuery: by federation where it is configured, else without any credentials where the endpoint is on this machine. */
export function openWarehouse(config: WarehouseConfig, dispatcher: Dispatcher, pollMs = LIMITS.pollMs): Warehouse {
  const endpoint = (config.endpoint ?? GOOGLE).replace(/\/$/, '');
  const authClient = chooseClient(config, endpoint);
  return {
    client: new BigQuery({
      projectId: config.project,
      location: config.location,
      ...(config.endpoint && { apiEndpoint: endpoint }),
      authClient,
    }),
    project: config.project,
    location: config.location,
    stagingDataset: config.stagingDataset,
    upload: config.upload ?? 'resumable',
    uploadUrl: `${endpoint}/upload/bigquery/v2/projects/${encodeURIComponent(config.project)}/jobs`,
    dispatcher,
    pollMs,
    async authHeaders() {
      return Object.fromEntries(await authClient.getRequestHeaders());
    },
  };
}

function chooseClient({ federation, project }: WarehouseConfig, endpoint: string): AuthClient {
  if (federation) return federatedCredentials(federation, SCOPE);
  // A pass-through client sends no credentials, and looks for none.
  return isLoopback(endpoint) ? new PassThroughClient() : defaultCredentials(project, SCOPE);
}

/** True for an address that nobody but this machine can answer at. */
export function isLoopback(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
}
