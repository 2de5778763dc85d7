import { runAcceptance } from './accept-run.ts';
import { audit } from './audit.ts';
import { runCancellation } from './cancel-run.ts';
import { jobChange } from './change-job.ts';
import { connectLinkCreation, connectLinkList, connectLinkRevocation } from './connect-links.ts';
import { connectionChange, connectionEnd, connectionList, connectionTest, connectionView } from './connections.ts';
import { connectionCreation } from './create-connection.ts';
import { createImportingJob } from './create-importing-job.ts';
import { jobsCreation } from './create-jobs.ts';
import { dbtSources } from './dbt-sources.ts';
import { jobDeletion } from './delete-job.ts';
import type { Endpoint } from './endpoint.ts';
import { jobErase } from './erase-record.ts';
import { getOauthUrl } from './get-oauth-url.ts';
import { getRun } from './get-run.ts';
import { handleImportingJob } from './handle-importing-job.ts';
import { jobPause, jobResume, jobView } from './job-by-id.ts';
import { jobFieldList, jobSchemaChanges } from './job-fields.ts';
import { jobRuns } from './job-runs.ts';
import { jobs } from './jobs.ts';
import { connectionObject, connectionObjects } from './list-objects.ts';
import { loginOauthCallback } from './login-oauth-callback.ts';
import { pauseImportingJob } from './pause-importing-job.ts';
import { jobPreview } from './preview-job.ts';
import { jobReimport } from './reimport-job.ts';
import { jobRebuild, jobSweep, jobSyncNow } from './repair-job.ts';
import { resumeImportingJob } from './resume-importing-job.ts';
import { runRetry } from './retry-run.ts';
import { runEvents } from './run-events.ts';
import { runs } from './runs.ts';
import { fieldPolicySuggestion } from './suggest-field-policy.ts';

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
];
