import type { Endpoint } from './endpoint.ts';
import { runAcceptance } from './endpoints/accept-run.ts';
import { audit } from './endpoints/audit.ts';
import { runCancellation } from './endpoints/cancel-run.ts';
import { jobChange } from './endpoints/change-job.ts';
import { connectLinkCreation, connectLinkList, connectLinkRevocation } from './endpoints/connect-links.ts';
import { connectionChange, connectionEnd, connectionList, connectionTest, connectionView } from './endpoints/connections.ts';
import { createImportingJob } from './endpoints/contract/create-importing-job.ts';
import { getOauthUrl } from './endpoints/contract/get-oauth-url.ts';
import { handleImportingJob } from './endpoints/contract/handle-importing-job.ts';
import { loginOauthCallback } from './endpoints/contract/login-oauth-callback.ts';
import { pauseImportingJob } from './endpoints/contract/pause-importing-job.ts';
import { resumeImportingJob } from './endpoints/contract/resume-importing-job.ts';
import { connectionCreation } from './endpoints/create-connection.ts';
import { jobsCreation } from './endpoints/create-jobs.ts';
import { dbtSources } from './endpoints/dbt-sources.ts';
import { jobDeletion } from './endpoints/delete-job.ts';
import { jobErase } from './endpoints/erase-record.ts';
import { getRun } from './endpoints/get-run.ts';
import { jobPause, jobResume, jobView } from './endpoints/job-by-id.ts';
import { jobFieldList, jobSchemaChanges } from './endpoints/job-fields.ts';
import { jobRuns } from './endpoints/job-runs.ts';
import { jobList, jobs } from './endpoints/jobs.ts';
import { connectionObject, connectionObjects } from './endpoints/list-objects.ts';
import { jobPreview } from './endpoints/preview-job.ts';
import { jobReimport } from './endpoints/reimport-job.ts';
import { jobRebuild, jobSweep, jobSyncNow } from './endpoints/repair-job.ts';
import { runRetry } from './endpoints/retry-run.ts';
import { runEvents } from './endpoints/run-events.ts';
import { runs } from './endpoints/runs.ts';
import { fieldPolicySuggestion } from './endpoints/suggest-field-policy.ts';
import { version } from './endpoints/version.ts';

/** All endpoints of the API, in the order of its documentation. */
export const ENDPOINTS: readonly Endpoint[] = [
  getOauthUrl,
  loginOauthCallback,
  connectionCreation,
  connectLinkCreation,
  connectLinkList,
  connectLinkRevocation,
  createImportingJob,
  pauseImportingJob,
  resumeImportingJob,
  handleImportingJob,
  jobs,
  jobList,
  jobPreview,
  jobsCreation,
  jobView,
  jobFieldList,
  jobSchemaChanges,
  jobPause,
  jobResume,
  jobRuns,
  runs,
  getRun,
  runEvents,
  runCancellation,
  runRetry,
  runAcceptance,
  jobReimport,
  jobErase,
  jobRebuild,
  jobSweep,
  jobSyncNow,
  jobChange,
  jobDeletion,
  connectionList,
  connectionView,
  connectionChange,
  connectionTest,
  connectionEnd,
  connectionObjects,
  connectionObject,
  fieldPolicySuggestion,
  dbtSources,
  audit,
  version,
];
