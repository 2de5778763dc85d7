// A job: its REST resource, and its state while it runs.
import type { ErrorProto } from '../rest/api-error.ts';
import type { Field } from '../storage/column-type.ts';

export interface LoadConfiguration {
  destinationTable?: { projectId?: string; datasetId?: string; tableId?: string };
  schema?: { fields?: Field[] };
  sourceFormat?: string;
  skipLeadingRows?: number | string;
  fieldDelimiter?: string;
  quote?: string;
  allowQuotedNewlines?: boolean;
  preserveAsciiControlCharacters?: boolean;
  createDisposition?: string;
  writeDisposition?: string;
  destinationTableProperties?: { description?: string; friendlyName?: string; labels?: Record<string, string> };
  [more: string]: unknown;
}

export interface QueryParameter {
  name?: string;
  parameterType?: { type?: string; arrayType?: { type?: string } };
  parameterValue?: { value?: string | null; arrayValues?: { value?: string | null }[] };
}

export interface QueryConfiguration {
  query?: string;
  useLegacySql?: boolean;
  defaultDataset?: { datasetId?: string };
  queryParameters?: QueryParameter[];
  parameterMode?: string;
  maximumBytesBilled?: string | number;
  destinationTable?: { projectId?: string; datasetId?: string; tableId?: string };
  createDisposition?: string;
  writeDisposition?: string;
  schemaUpdateOptions?: string[];
  [more: string]: unknown;
}

export interface JobResource {
  kind: 'bigquery#job';
  id: string;
  etag: string;
  user_email: string;
  jobReference: { projectId: string; jobId: string; location: string };
  configuration: {
    jobType: 'LOAD' | 'QUERY';
    load?: LoadConfiguration;
    query?: QueryConfiguration;
    labels?: Record<string, string>;
    dryRun?: boolean;
    jobTimeoutMs?: string | number;
    [more: string]: unknown;
  };
  status: { state: 'PENDING' | 'RUNNING' | 'DONE'; errorResult?: ErrorProto; errors?: ErrorProto[] };
  statistics: {
    creationTime: string;
    startTime?: string;
    endTime?: string;
    totalBytesProcessed?: string;
    load?: object;
    query?: Record<string, unknown>;
  };
}

export interface Job {
  resource: JobResource;
  /** The rows of a SELECT, in a stored table with columns c0, c1, …, or those of its destination table as they are when read. */
  results?: { fields: Field[]; stored: string; rows: number } | { fields: Field[]; destination: { datasetId: string; tableId: string } };
  /** Uploaded bytes of a load. */
  input?: { file: string };
  /** Resolves, never rejects, when the job is DONE. */
  done: Promise<void>;
  /** Why the job must stop. */
  stopped?: string;
  interrupt?: () => void;
}
