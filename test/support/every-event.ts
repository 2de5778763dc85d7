import { AppError } from '../../app/errors.ts';
import { type BusinessEvents, createEvents, type Events } from '../../app/events.ts';
import { createLog } from '../../app/log.ts';
import { RECEIPT } from './receipt.ts';

export type LogLine = Record<string, unknown>;

// As their callers have them, with more than the log may show.
const job = { id: 'job-1', objectName: 'Account', targetDataset: 'salesforce', fieldPlan: 'unlogged' };
const window = { from: new Date('2023-03-01T00:00:00Z'), to: new Date('2023-03-20T00:00:00Z') };
const run = { runId: 'run-1', job, pass: { kind: 'window', ids: ['unlogged'] } as const, window, attempt: 2, columns: ['unlogged'] };
const slice = { ordinal: 3, idFrom: 'unlogged' };
const connection = { id: 4, orgId: '00D000000000001AAA', identityUrl: 'unlogged' };
const link = {
  id: '1ee7f3f0-0000-4000-8000-000000000000',
  loginUrl: 'https://acme.my.salesforce.com',
  orgId: null,
  expiresAt: window.to,
  createdBy: 'unlogged',
};
const defaults = { dataset: 'salesforce', tableDays: 60, partitionDays: null, labels: 'unlogged' };
const batch = { id: 6, dataset: 'salesforce', tableName: '_runs', rows: 'unlogged' };
const message = { id: 'message-1', type: 'run_failed', tries: 2, content: 'unlogged' };
const error = new AppError('bigquery_unavailable', 'BigQuery did not respond.');

const ofJob = { job: 'job-1', object: 'Account' };
const ofRun = { run: 'run-1', ...ofJob };
const ofClaim = { ...ofRun, kind: 'window', window: { from: '2023-03-01T00:00:00.000Z', to: '2023-03-20T00:00:00.000Z' }, attempt: 2 };
const ofConnection = { connection: 4, org: '00D000000000001AAA' };
const ofError = { error_code: 'bigquery_unavailable', error_message: 'BigQuery did not respond.' };

/** Every event with the line that it writes, without its time. An event that is missing here does not compile. */
export const EVERY_EVENT: Record<keyof BusinessEvents, { emit: (events: Events) => void; line: LogLine }> = {
  migrated: {
    emit: (events) => events.migrated(['0001_job_store.sql']),
    line: { level: 'info', event: 'migrated', migrations: ['0001_job_store.sql'] },
  },
  listening: {
    emit: (events) => events.listening({ host: '127.0.0.1', port: 4444, url: 'https://sync.example' }),
    line: { level: 'info', event: 'listening', host: '127.0.0.1', port: 4444, url: 'https://sync.example' },
  },
  oldTokenKeys: {
    emit: (events) => events.oldTokenKeys({ outdated: 3, unreadable: 0 }),
    line: { level: 'warn', event: 'old_token_keys', outdated: 3, unreadable: 0, msg: 'Rows need older token keys. Run reseal.' },
  },
  stopping: { emit: (events) => events.stopping(), line: { level: 'info', event: 'stopping' } },
  uncaughtError: {
    emit: (events) => events.uncaughtError(error),
    line: { level: 'fatal', event: 'uncaught_error', ...ofError, msg: 'uncaught error: releasing runs and shutting down' },
  },
  databaseConnectionLost: {
    emit: (events) => events.databaseConnectionLost(error),
    line: { level: 'warn', event: 'database_connection_lost', ...ofError },
  },
  datasetHasDefaultExpiration: {
    emit: (events) => events.datasetHasDefaultExpiration(defaults, 'bq update …', job),
    line: {
      level: 'warn',
      event: 'dataset_has_default_expiration',
      job: 'job-1',
      dataset: 'salesforce',
      tableDays: 60,
      partitionDays: null,
      remove: 'bq update …',
    },
  },
  datasetNotChecked: {
    emit: (events) => events.datasetNotChecked('salesforce', job, error),
    line: { level: 'warn', event: 'dataset_not_checked', job: 'job-1', dataset: 'salesforce', ...ofError },
  },
  oldRunsDeleted: { emit: (events) => events.oldRunsDeleted(5), line: { level: 'info', event: 'old_runs_deleted', runs: 5 } },
  oldRunsNotDeleted: {
    emit: (events) => events.oldRunsNotDeleted(error),
    line: { level: 'error', event: 'old_runs_not_deleted', ...ofError },
  },
  storeHalted: {
    emit: (events) => events.storeHalted(error),
    line: { level: 'error', event: 'store_halted', ...ofError, msg: 'The job store was restored or copied. Nothing is imported.' },
  },
  storeAgrees: {
    emit: (events) => events.storeAgrees(),
    line: { level: 'info', event: 'store_agrees', msg: 'The job store agrees with BigQuery again.' },
  },
  storeNotCompared: {
    emit: (events) => events.storeNotCompared(error),
    line: {
      level: 'warn',
      event: 'store_not_compared',
      ...ofError,
      msg: 'Could not compare the job store with BigQuery. Retrying.',
    },
  },
  storeAccepted: {
    emit: (events) => events.storeAccepted(2, 3, 1, 'ops'),
    line: { level: 'warn', event: 'store_accepted', epoch: 2, runs: 3, logged_out: 1, by: 'ops' },
  },
  alertsNotChecked: {
    emit: (events) => events.alertsNotChecked(error),
    line: {
      level: 'error',
      event: 'alerts_not_checked',
      ...ofError,
      msg: 'Could not check for alerts, or read what to send. Retrying.',
    },
  },
  webhookNotSent: {
    emit: (events) => events.webhookNotSent(message, error),
    line: { level: 'warn', event: 'webhook_not_sent', webhook: 'message-1', type: 'run_failed', tries: 2, ...ofError },
  },
  webhookGivenUp: {
    emit: (events) => events.webhookGivenUp(message, error),
    line: { level: 'error', event: 'webhook_given_up', webhook: 'message-1', type: 'run_failed', tries: 2, ...ofError },
  },
  keyRefused: {
    emit: (events) => events.keyRefused({ address: '203.0.113.9', status: 403, key: 'ops' }),
    line: { level: 'warn', event: 'key_refused', address: '203.0.113.9', status: 403, by: 'ops' },
  },
  requestFailed: {
    emit: (events) => events.requestFailed('/jobs', error),
    line: { level: 'error', event: 'request_failed', path: '/jobs', ...ofError },
  },
  connectionNotAccepted: {
    emit: (events) => events.connectionNotAccepted(error),
    line: { level: 'warn', event: 'connection_not_accepted', ...ofError },
  },
  connected: {
    emit: (events) => events.connected(connection, 'ops'),
    line: { level: 'info', event: 'connected', ...ofConnection, by: 'ops' },
  },
  connectLinkCreated: {
    emit: (events) => events.connectLinkCreated(link, 'ops'),
    line: {
      level: 'info',
      event: 'connect_link_created',
      link: '1ee7f3f0-0000-4000-8000-000000000000',
      login_url: 'https://acme.my.salesforce.com',
      org: null,
      expires_at: '2023-03-20T00:00:00.000Z',
      by: 'ops',
    },
  },
  connectLinkRevoked: {
    emit: (events) => events.connectLinkRevoked(link, 'ops'),
    line: {
      level: 'info',
      event: 'connect_link_revoked',
      link: '1ee7f3f0-0000-4000-8000-000000000000',
      login_url: 'https://acme.my.salesforce.com',
      org: null,
      by: 'ops',
    },
  },
  orgNotRead: {
    emit: (events) => events.orgNotRead(connection, error),
    line: { level: 'warn', event: 'org_not_read', ...ofConnection, ...ofError },
  },
  connectionChanged: {
    emit: (events) => events.connectionChanged(connection, ['alias'], 'ops'),
    line: { level: 'info', event: 'connection_changed', ...ofConnection, fields: ['alias'], by: 'ops' },
  },
  disconnected: {
    emit: (events) => events.disconnected(connection, { revoked: 'revoked', jobsPaused: 2 }, 'ops'),
    line: { level: 'info', event: 'disconnected', ...ofConnection, revoked: 'revoked', jobs_paused: 2, by: 'ops' },
  },
  renewalNotStored: {
    emit: (events) => events.renewalNotStored(error),
    line: { level: 'warn', event: 'renewal_not_stored', ...ofError, msg: 'Could not store a renewed session. Retrying.' },
  },
  longRequestNotFreed: {
    emit: (events) => events.longRequestNotFreed(error),
    line: { level: 'warn', event: 'long_request_not_freed', ...ofError },
  },
  runEventsNotStored: {
    emit: (events) => events.runEventsNotStored(error),
    line: { level: 'warn', event: 'run_events_not_stored', ...ofError },
  },
  keyUsesNotStored: {
    emit: (events) => events.keyUsesNotStored(error),
    line: { level: 'warn', event: 'key_uses_not_stored', ...ofError },
  },
  callCountsNotSaved: {
    emit: (events) => events.callCountsNotSaved(error),
    line: { level: 'warn', event: 'call_counts_not_saved', ...ofError },
  },
  compositeFailed: {
    emit: (events) => events.compositeFailed(4, 5, true, error),
    line: { level: 'warn', event: 'composite_failed', connection: 4, queries: 5, refused: true, ...ofError },
  },
  apiVersionUnsupported: {
    emit: (events) => events.apiVersionUnsupported(connection, error),
    line: { level: 'warn', event: 'api_version_unsupported', ...ofConnection, ...ofError },
  },
  apiVersionNotChecked: {
    emit: (events) => events.apiVersionNotChecked(error, connection),
    line: { level: 'warn', event: 'api_version_not_checked', ...ofConnection, ...ofError },
  },
  tick: {
    emit: (events) => events.tick(new Date('2023-03-20T10:20:00Z'), 3, 2, 'schedule'),
    line: { level: 'info', event: 'tick', at: '2023-03-20T10:20:00.000Z', by: 'schedule', jobs: 3, runs: 2, msg: 'tick accepted' },
  },
  tickFailed: { emit: (events) => events.tickFailed(error), line: { level: 'error', event: 'tick_failed', ...ofError } },
  jobsOverdue: { emit: (events) => events.jobsOverdue(0), line: { level: 'info', event: 'jobs_overdue', jobs: 0 } },
  backlog: {
    emit: (events) => events.backlog({ queuedRuns: 12, claimableRuns: 2, runningRuns: 4, lagHours: 25.004, apiQuotaPercent: 41.666 }),
    line: { level: 'info', event: 'backlog', queued_runs: 12, claimable_runs: 2, running_runs: 4, lag_hours: 25, api_quota_percent: 41.67 },
  },
  processNotRecorded: {
    emit: (events) => events.processNotRecorded(error),
    line: { level: 'warn', event: 'process_not_recorded', ...ofError },
  },
  overdueNotCounted: {
    emit: (events) => events.overdueNotCounted(error),
    line: { level: 'error', event: 'overdue_not_counted', ...ofError },
  },
  windowCheckTimedOut: {
    emit: (events) => events.windowCheckTimedOut('Account'),
    line: { level: 'warn', event: 'window_check_timed_out', object: 'Account' },
  },
  changesNotCounted: {
    emit: (events) => events.changesNotCounted('Account', error),
    line: { level: 'warn', event: 'changes_not_counted', object: 'Account', ...ofError },
  },
  jobCreated: {
    emit: (events) => events.jobCreated(job, { startDate: '2023-03-01', every: '15m', mode: 'windows' }, 'ops'),
    line: { level: 'info', event: 'job_created', ...ofJob, start_date: '2023-03-01', every: '15m', mode: 'windows', by: 'ops' },
  },
  ticksRare: {
    emit: (events) => events.ticksRare(job, '15m', 60),
    line: { level: 'warn', event: 'ticks_rare', ...ofJob, every: '15m', tick_minutes: 60 },
  },
  jobTakenOver: {
    emit: (events) => events.jobTakenOver(job, { from: 4, to: 5 }, ['Phone'], 'ops'),
    line: { level: 'info', event: 'job_taken_over', ...ofJob, from_connection: 4, connection: 5, fields_lost: ['Phone'], by: 'ops' },
  },
  jobChanged: {
    emit: (events) => events.jobChanged(job, ['deletes'], 'ops'),
    line: { level: 'info', event: 'job_changed', ...ofJob, fields: ['deletes'], by: 'ops' },
  },
  jobDeleted: {
    emit: (events) => events.jobDeleted(job, 'drop', 'ops'),
    line: { level: 'info', event: 'job_deleted', ...ofJob, table: 'drop', by: 'ops' },
  },
  jobPaused: { emit: (events) => events.jobPaused(job, 'ops'), line: { level: 'info', event: 'job_paused', ...ofJob, by: 'ops' } },
  jobResumed: { emit: (events) => events.jobResumed(job, 'ops'), line: { level: 'info', event: 'job_resumed', ...ofJob, by: 'ops' } },
  claimFailed: {
    emit: (events) => events.claimFailed(error),
    line: { level: 'error', event: 'claim_failed', ...ofError, msg: 'Could not claim a run from the job store.' },
  },
  runClaimed: { emit: (events) => events.runClaimed(run), line: { level: 'info', event: 'run_claimed', ...ofClaim } },
  leaseNotExtended: {
    emit: (events) => events.leaseNotExtended(run, error),
    line: { level: 'warn', event: 'lease_not_extended', ...ofClaim, ...ofError },
  },
  runSucceeded: {
    emit: (events) => events.runSucceeded(run, RECEIPT),
    line: { level: 'info', event: 'run_succeeded', ...ofClaim, receipt: RECEIPT },
  },
  runInterrupted: {
    emit: (events) => events.runInterrupted(run, 1, error),
    line: { level: 'warn', event: 'run_interrupted', ...ofClaim, failures: 1, recovery: 'retry', ...ofError },
  },
  runDeferred: {
    emit: (events) => events.runDeferred(run, new Date('2026-11-26T10:15:00Z'), error),
    line: { level: 'info', event: 'run_deferred', ...ofClaim, deferred_until: '2026-11-26T10:15:00.000Z', error_code: error.code },
  },
  runNotSettled: {
    emit: (events) => events.runNotSettled(run, error),
    line: { level: 'error', event: 'run_not_settled', ...ofClaim, ...ofError },
  },
  runFailed: {
    emit: (events) => events.runFailed(run, 20, error),
    line: { level: 'error', event: 'run_failed', ...ofClaim, failures: 20, ...ofError },
  },
  runCancelled: { emit: (events) => events.runCancelled(run), line: { level: 'info', event: 'run_cancelled', ...ofClaim } },
  runCancelledByRequest: {
    emit: (events) => events.runCancelledByRequest({ ...run, kind: 'window' }, 'ops'),
    line: { level: 'info', event: 'run_cancelled_by_request', ...ofRun, kind: 'window', by: 'ops' },
  },
  repairRequested: {
    emit: (events) => events.repairRequested(run, 'reimport', 'ops'),
    line: { level: 'info', event: 'repair_requested', ...ofRun, kind: 'reimport', by: 'ops' },
  },
  eraseRequested: {
    emit: (events) => events.eraseRequested(run, true, 'ops'),
    line: { level: 'info', event: 'erase_requested', ...ofRun, suppress: true, by: 'ops' },
  },
  repairRenewed: {
    emit: (events) => events.repairRenewed(run),
    line: { level: 'info', event: 'repair_renewed', ...ofClaim },
  },
  runRetryRequested: {
    emit: (events) => events.runRetryRequested(run, 'run-2', 'ops'),
    line: { level: 'info', event: 'run_retry_requested', ...ofRun, due_run: 'run-2', by: 'ops' },
  },
  runAccepted: {
    emit: (events) => events.runAccepted(run, { nextRunId: 'run-2', code: 'share_limit', rows: 200, by: 'ops' }),
    line: { level: 'warn', event: 'run_accepted', ...ofRun, next_run: 'run-2', error_code: 'share_limit', rows: 200, by: 'ops' },
  },
  sliceRepeated: {
    emit: (events) => events.sliceRepeated(run, slice, 'the counts differ'),
    line: { level: 'warn', event: 'slice_repeated', run: 'run-1', slice: 3, reason: 'the counts differ' },
  },
  sliceCut: {
    emit: (events) => events.sliceCut(run, slice, 2),
    line: { level: 'info', event: 'slice_cut', run: 'run-1', slice: 3, parts: 2 },
  },
  notCounted: {
    emit: (events) => events.notCounted(run, error),
    line: { level: 'warn', event: 'not_counted', run: 'run-1', object: 'Account', ...ofError },
  },
  fieldsRefused: {
    emit: (events) => events.fieldsRefused(run, 'INVALID_FIELD', 1),
    line: { level: 'warn', event: 'fields_refused', run: 'run-1', object: 'Account', salesforce_code: 'INVALID_FIELD', group: 1 },
  },
  expirationRemoved: {
    emit: (events) => events.expirationRemoved(run),
    line: {
      level: 'warn',
      event: 'expiration_removed',
      ...ofRun,
      msg: 'Removed the expiration of the target table. Some rows may already have expired.',
    },
  },
  bulkJobsNotDeleted: {
    emit: (events) => events.bulkJobsNotDeleted(error, { connectionId: 1, orgId: '00D' }),
    line: {
      level: 'warn',
      event: 'bulk_jobs_not_deleted',
      connection: 1,
      org: '00D',
      ...ofError,
      msg: 'Could not delete Bulk jobs that are no longer needed. Salesforce deletes them after seven days.',
    },
  },
  tablesNotDropped: {
    emit: (events) => events.tablesNotDropped(error, run),
    line: {
      level: 'warn',
      event: 'tables_not_dropped',
      ...ofRun,
      ...ofError,
      msg: 'Could not drop staging and delta tables. They expire eight days after their run was queued.',
    },
  },
  liveViewNotOurs: {
    emit: (events) => events.liveViewNotOurs(run, 'not ours: Account_live is another view'),
    line: { level: 'warn', event: 'live_view_not_ours', ...ofRun, msg: 'not ours: Account_live is another view' },
  },
  outboxNotLoaded: {
    emit: (events) => events.outboxNotLoaded(error, batch),
    line: {
      level: 'warn',
      event: 'outbox_not_loaded',
      batch: 6,
      dataset: 'salesforce',
      table: '_runs',
      ...ofError,
      msg: 'Could not write to a metadata table. Its rows are kept and written later.',
    },
  },
  metadataTableNotOurs: {
    emit: (events) => events.metadataTableNotOurs('salesforce', '_runs'),
    line: {
      level: 'warn',
      event: 'metadata_table_not_ours',
      dataset: 'salesforce',
      table: '_runs',
      msg: 'The service does not write to salesforce._runs, because it did not create it. Rename or move it.',
    },
  },
};

/** The lines that these events write, without their times. */
/** @param metricsNamespace of the metrics in them; by default, they have none */
export function linesOf(emit: (events: Events) => void, metricsNamespace?: string): LogLine[] {
  const lines: LogLine[] = [];
  emit(
    createEvents(
      createLog(
        {
          write(text: string) {
            const { time: _, ...line } = JSON.parse(text) as LogLine;
            lines.push(line);
          },
        },
        metricsNamespace,
      ),
    ),
  );
  return lines;
}
