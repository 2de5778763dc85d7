import { activity } from './pages/activity.ts';
import { changeJob } from './pages/change-job.ts';
import { connection } from './pages/connection.ts';
import { connections } from './pages/connections.ts';
import { deleteJob } from './pages/delete-job.ts';
import { job } from './pages/job.ts';
import { jobData } from './pages/job-data.ts';
import { jobFields } from './pages/job-fields.ts';
import { jobInvalidValues } from './pages/job-invalid-values.ts';
import { jobs } from './pages/jobs.ts';
import { newJobs } from './pages/new-jobs.ts';
import { overview } from './pages/overview.ts';
import { run } from './pages/run.ts';
import { settings } from './pages/settings.ts';
import { workers } from './pages/workers.ts';
import type { Route } from './route.ts';

/** All pages, their live parts and their actions: a file per page. */
export const ROUTES: readonly Route[] = [
  ...overview,
  ...jobs,
  ...newJobs,
  ...job,
  ...jobData,
  ...jobFields,
  ...changeJob,
  ...deleteJob,
  ...jobInvalidValues,
  ...run,
  ...connections,
  ...connection,
  ...activity,
  ...workers,
  ...settings,
];
