import type { Every } from './core/jobs/every.ts';
import type { JobMode } from './core/jobs/job-mode.ts';
import type { RunEvent } from './core/runs/kept-events.ts';
import type { RunKind } from './core/runs/pass.ts';
import { inPipelineOrder, type Receipt } from './core/runs/receipt.ts';
import type { Window } from './core/runs/window.ts';
import type { AppError } from './errors.ts';
import { describeError, type Log, requestField } from './log.ts';

/** A job, as its events name it. */
interface JobRef {
  id: string;
  objectName: string;
}

/** A run, as its events name it. */
interface RunRef {
  runId: string;
  job: JobRef;
}

/** A run that no worker has claimed, or whose worker does not matter. */
interface KnownRun extends RunRef {
  kind: RunKind;
}

/** A worker's claim of a run. */
interface ClaimedRun extends RunRef {
  pass: { kind: RunKind };
  window: Window;
  attempt: number;
}

/** A Salesforce connection, as its events name it. */
interface ConnectionRef {
  id: number;
  orgId: string;
}

/** A link with which an admin connects an org, as its events describe it: without its token. */
interface ConnectLinkRef {
  id: string;
  loginUrl: string;
  orgId: string | null;
  expiresAt: Date;
}

/** A dataset's default expirations, in days; null: none. */
interface DefaultExpirations {
  dataset: string;
  tableDays: number | null;
  partitionDays: number | null;
}

/** Rows of a metadata table that are loaded by one load job. */
interface BatchRef {
  id: number;
  dataset: string;
  tableName: string;
}

/** A message to the receiver of alerts. `type`: the event, `tries`: that failed */
interface WebhookRef {
  id: string;
  type: string;
  tries: number;
}

/** What happens in the service: a function per business event. */
export type BusinessEvents = ReturnType<typeof businessEvents>;

/** The business events, and where those of runs are kept. */
export interface Events extends BusinessEvents {
  /** Also passes each event that names its run to `keep`, which must not throw. Replaces an earlier `keep`. */
  keepRunEvents(keep: (event: RunEvent) => void): void;
}

type LogFunction = (fields: { event: string } & Record<string, unknown>, message?: string) => void;

/** What events use of the log. */
type EventLog = Record<'info' | 'warn' | 'error' | 'fatal', LogFunction>;

/** The events of a service that writes to this log. */
export function createEvents(log: Log): Events {
  let keep: ((event: RunEvent) => void) | undefined;
  const write = (level: keyof EventLog): LogFunction => {
    return (fields, message) => {
      log[level](fields, message);
      const { event, run, ...others } = fields;
      if (typeof run !== 'string') return;
      keep?.({
        runId: run,
        at: new Date(),
        level,
        event,
        details: { ...others, ...requestField(), ...(message !== undefined && { msg: message }) },
      });
    };
  };
  return {
    ...businessEvents({ info: write('info'), warn: write('warn'), error: write('error'), fatal: write('fatal') }),
    keepRunEvents(replacing) {
      keep = replacing;
    },
  };
}

/**
 * One function per business event. Each writes one log line; only here are its name, level, fields and message decided. Names and fields
 * are what the metric filters in infra and the operators' queries rely on. No argument may contain a record value: errors pass through
 * `describeError`, and of other objects only the fields written here are logged.
 */
function businessEvents(log: EventLog) {
  return {
    // The service

    migrated: (migrations: readonly string[]) => log.info({ event: 'migrated', migrations }),
    /** `url`: the public address, if one is configured */
    listening: ({ host, port, url }: { host: string; port: number; url: string | undefined }) =>
      log.info({ event: 'listening', host, port, url }),
    /** at startup, if TOKEN_KEYS has several keys or does not open every row. `outdated`: rows that an older key opens; `unreadable`: that none does */
    oldTokenKeys: ({ outdated, unreadable }: { outdated: number; unreadable: number }) =>
      log[outdated + unreadable === 0 ? 'info' : 'warn'](
        { event: 'old_token_keys', outdated, unreadable },
        outdated + unreadable === 0 ? 'No row needs the older keys of TOKEN_KEYS. Remove them.' : 'Rows need older token keys. Run reseal.',
      ),
    stopping: () => log.info({ event: 'stopping' }),
    uncaughtError: (error: unknown) =>
      log.fatal({ event: 'uncaught_error', ...describeError(error) }, 'uncaught error: releasing runs and shutting down'),
    databaseConnectionLost: (error: unknown) => log.warn({ event: 'database_connection_lost', ...describeError(error) }),
    /** at startup, or for a new job; `remove` is the command that removes it */
    datasetHasDefaultExpiration: ({ dataset, tableDays, partitionDays }: DefaultExpirations, remove: string, job?: JobRef) =>
      log.warn({ event: 'dataset_has_default_expiration', job: job?.id, dataset, tableDays, partitionDays, remove }),
    datasetNotChecked: (dataset: string, job: JobRef, error: unknown) =>
      log.warn({ event: 'dataset_not_checked', job: job.id, dataset, ...describeError(error) }),
    oldRunsDeleted: (runs: number) => log.info({ event: 'old_runs_deleted', runs }),
    oldRunsNotDeleted: (error: unknown) => log.error({ event: 'old_runs_not_deleted', ...describeError(error) }),

    // The job store, compared with BigQuery

    /** at each comparison: the alarm goes off while the lines come */
    storeHalted: (error: AppError) =>
      log.error({ event: 'store_halted', ...describeError(error) }, 'The job store was restored or copied. Nothing is imported.'),
    storeAgrees: () => log.info({ event: 'store_agrees' }, 'The job store agrees with BigQuery again.'),
    storeNotCompared: (error: unknown) =>
      log.warn({ event: 'store_not_compared', ...describeError(error) }, 'Could not compare the job store with BigQuery. Retrying.'),
    /** `runs`: the open ones that start over; `loggedOut`: connections that need a login; `by`: who accepted it */
    storeAccepted: (epoch: number, runs: number, loggedOut: number, by: string) =>
      log.warn({ event: 'store_accepted', epoch, runs, logged_out: loggedOut, by }),

    // Alerts and their webhook

    alertsNotChecked: (error: unknown) =>
      log.error({ event: 'alerts_not_checked', ...describeError(error) }, 'Could not check for alerts, or read what to send. Retrying.'),
    webhookNotSent: ({ id, type, tries }: WebhookRef, error: AppError) =>
      log.warn({ event: 'webhook_not_sent', webhook: id, type, tries, ...describeError(error) }),
    /** the alarm goes off: a message is lost */
    webhookGivenUp: ({ id, type, tries }: WebhookRef, error: AppError) =>
      log.error({ event: 'webhook_given_up', webhook: id, type, tries, ...describeError(error) }),

    // Requests

    /** once per address and minute for each status. `key`: the name of its key, whose role does not suffice; undefined: no or a wrong key */
    keyRefused: ({ address, status, key }: { address: string; status: number; key: string | undefined }) =>
      log.warn({ event: 'key_refused', address, status, by: key }),
    requestFailed: (path: string, error: AppError) => log.error({ event: 'request_failed', path, ...describeError(error) }),
    /** the operating system did not accept a caller's TCP connection */
    connectionNotAccepted: (error: unknown) => log.warn({ event: 'connection_not_accepted', ...describeError(error) }),

    // Connections to Salesforce

    /** `by`: the name of the API key, here and below */
    connected: ({ id, orgId }: ConnectionRef, by: string) => log.info({ event: 'connected', connection: id, org: orgId, by }),
    connectLinkCreated: ({ id, loginUrl, orgId, expiresAt }: ConnectLinkRef, by: string) =>
      log.info({ event: 'connect_link_created', link: id, login_url: loginUrl, org: orgId, expires_at: expiresAt, by }),
    connectLinkRevoked: ({ id, loginUrl, orgId }: ConnectLinkRef, by: string) =>
      log.info({ event: 'connect_link_revoked', link: id, login_url: loginUrl, org: orgId, by }),
    /** after a login: the names of the user and the org stay unknown until the connection is tested */
    orgNotRead: ({ id, orgId }: ConnectionRef, error: unknown) =>
      log.warn({ event: 'org_not_read', connection: id, org: orgId, ...describeError(error) }),
    /** `fields`: what was changed; `by`: the name of the API key */
    connectionChanged: ({ id, orgId }: ConnectionRef, fields: readonly string[], by: string) =>
      log.info({ event: 'connection_changed', connection: id, org: orgId, fields, by }),
    /** `revoked`: what became of its grant in Salesforce; `by`: the name of the API key */
    disconnected: ({ id, orgId }: ConnectionRef, what: { revoked: string; jobsPaused: number }, by: string) =>
      log.info({ event: 'disconnected', connection: id, org: orgId, revoked: what.revoked, jobs_paused: what.jobsPaused, by }),
    renewalNotStored: (error: unknown) =>
      log.warn({ event: 'renewal_not_stored', ...describeError(error) }, 'Could not store a renewed session. Retrying.'),
    /** the place of a finished long request expires by itself */
    longRequestNotFreed: (error: unknown) => log.warn({ event: 'long_request_not_freed', ...describeError(error) }),
    /** they are kept for the next write, the newest of them */
    runEventsNotStored: (error: unknown) => log.warn({ event: 'run_events_not_stored', ...describeError(error) }),
    keyUsesNotStored: (error: unknown) => log.warn({ event: 'key_uses_not_stored', ...describeError(error) }),
    callCountsNotSaved: (error: unknown) => log.warn({ event: 'call_counts_not_saved', ...describeError(error) }),
    /** several first pages in one call; each is then requested alone. `refused`: the org does not accept such calls */
    compositeFailed: (connection: number, queries: number, refused: boolean, error: unknown) =>
      log.warn({ event: 'composite_failed', connection, queries, refused, ...describeError(error) }),
    apiVersionUnsupported: ({ id, orgId }: ConnectionRef, error: unknown) =>
      log.warn({ event: 'api_version_unsupported', connection: id, org: orgId, ...describeError(error) }),
    /** without a connection: the connections could not be listed */
    apiVersionNotChecked: (error: unknown, connection?: ConnectionRef) =>
      log.warn({ event: 'api_version_not_checked', connection: connection?.id, org: connection?.orgId, ...describeError(error) }),

    // The schedule

    /** `at`: by the schedule's clock */
    tick: (at: Date, jobs: number, runs: number, by: string) => log.info({ event: 'tick', at, by, jobs, runs }, 'tick accepted'),
    tickFailed: (error: unknown) => log.error({ event: 'tick_failed', ...describeError(error) }),
    /** also if it is 0: the alarm goes off if the line is missing */
    jobsOverdue: (jobs: number) => log.info({ event: 'jobs_overdue', jobs }),
    /** of all tasks together, every minute */
    backlog: (backlog: {
      queuedRuns: number;
      claimableRuns: number;
      runningRuns: number;
      lagHours: number;
      apiQuotaPercent: number | undefined;
    }) =>
      log.info({
        event: 'backlog',
        queued_runs: backlog.queuedRuns,
        claimable_runs: backlog.claimableRuns,
        running_runs: backlog.runningRuns,
        lag_hours: round(backlog.lagHours),
        api_quota_percent: backlog.apiQuotaPercent === undefined ? undefined : round(backlog.apiQuotaPercent),
      }),
    /** the console lists the process as lost */
    processNotRecorded: (error: unknown) => log.warn({ event: 'process_not_recorded', ...describeError(error) }),
    overdueNotCounted: (error: unknown) => log.error({ event: 'overdue_not_counted', ...describeError(error) }),

    // Jobs

    /** Salesforce took too long to answer the query that creating a job tries; the job is created nevertheless */
    windowCheckTimedOut: (objectName: string) => log.warn({ event: 'window_check_timed_out', object: objectName }),
    /** how often an object's rows change is unknown, so every window is assumed to have changes */
    changesNotCounted: (objectName: string, error: unknown) =>
      log.warn({ event: 'changes_not_counted', object: objectName, ...describeError(error) }),
    jobCreated: (job: JobRef, { startDate, every, mode }: { startDate: string; every: Every; mode: JobMode }, by: string) =>
      log.info({ event: 'job_created', ...aboutJob(job), start_date: startDate, every, mode, by }),
    /** ticks come less often than the job's windows close */
    ticksRare: (job: JobRef, every: Every, tickMinutes: number) =>
      log.warn({ event: 'ticks_rare', ...aboutJob(job), every, tick_minutes: tickMinutes }),
    /** `fieldsLost`: the fields that the new connection's user cannot see */
    jobTakenOver: (job: JobRef, connections: { from: number; to: number }, fieldsLost: readonly string[], by: string) =>
      log.info({
        event: 'job_taken_over',
        ...aboutJob(job),
        from_connection: connections.from,
        connection: connections.to,
        fields_lost: fieldsLost,
        by,
      }),
    /** `fields`: what was changed; `by`: the name of the API key */
    jobChanged: (job: JobRef, fields: readonly string[], by: string) => log.info({ event: 'job_changed', ...aboutJob(job), fields, by }),
    /** `table`: what became of the target table; `by`: the name of the API key */
    jobDeleted: (job: JobRef, table: 'keep' | 'drop', by: string) => log.info({ event: 'job_deleted', ...aboutJob(job), table, by }),
    jobPaused: (job: JobRef, by: string) => log.info({ event: 'job_paused', ...aboutJob(job), by }),
    jobResumed: (job: JobRef, by: string) => log.info({ event: 'job_resumed', ...aboutJob(job), by }),

    // Runs

    claimFailed: (error: unknown) =>
      log.error({ event: 'claim_failed', ...describeError(error) }, 'Could not claim a run from the job store.'),
    runClaimed: (run: ClaimedRun) => log.info({ event: 'run_claimed', ...aboutClaim(run) }),
    leaseNotExtended: (run: ClaimedRun, error: unknown) =>
      log.warn({ event: 'lease_not_extended', ...aboutClaim(run), ...describeError(error) }),
    /** a warning if values did not fit their columns */
    runSucceeded: (run: ClaimedRun, receipt: Receipt) => {
      const level = Object.keys(receipt.invalid_values).length > 0 ? 'warn' : 'info';
      log[level]({ event: 'run_succeeded', ...aboutClaim(run), receipt: inPipelineOrder(receipt) });
    },
    /** the attempt ended; whether the run did is another event */
    runInterrupted: (run: ClaimedRun, failures: number, error: AppError) =>
      log.warn({ event: 'run_interrupted', ...aboutClaim(run), failures, recovery: error.recovery, ...describeError(error) }),
    /** its next attempt; `failure` says what it waits for */
    runDeferred: (run: ClaimedRun, until: Date, failure: AppError) =>
      log.info({ event: 'run_deferred', ...aboutClaim(run), deferred_until: until, error_code: failure.code }),
    /** neither the run's end nor its retry could be stored: its lease expires, and another worker resumes it */
    runNotSettled: (run: ClaimedRun, error: unknown) =>
      log.error({ event: 'run_not_settled', ...aboutClaim(run), ...describeError(error) }),
    runFailed: (run: ClaimedRun, failures: number, error: AppError) =>
      log.error({ event: 'run_failed', ...aboutClaim(run), failures, ...describeError(error) }),
    /** `by`: the name of the API key */
    repairRequested: (run: RunRef, kind: RunKind, by: string) => log.info({ event: 'repair_requested', ...aboutRun(run), kind, by }),
    /** `suppress`: whether later runs leave the record out; `by`: the name of the API key */
    eraseRequested: (run: RunRef, suppress: boolean, by: string) => log.info({ event: 'erase_requested', ...aboutRun(run), suppress, by }),
    /** `run`: the window that changed the columns of the table that the job's open repair writes */
    repairRenewed: (run: ClaimedRun) => log.info({ event: 'repair_renewed', ...aboutClaim(run) }),
    /** by its job, or by the worker that had claimed it */
    runCancelled: (run: KnownRun | ClaimedRun) =>
      log.info({ event: 'run_cancelled', ...('attempt' in run ? aboutClaim(run) : { ...aboutRun(run), kind: run.kind }) }),
    /** `by`: the name of the API key */
    runCancelledByRequest: (run: KnownRun, by: string) =>
      log.info({ event: 'run_cancelled_by_request', ...aboutRun(run), kind: run.kind, by }),
    /** `dueRunId`: the run that is due now; another one if this run had ended */
    runRetryRequested: (run: RunRef, dueRunId: string, by: string) =>
      log.info({ event: 'run_retry_requested', ...aboutRun(run), due_run: dueRunId, by }),

    /** `nextRunId`: the run that may pass the verdict; `code`, `rows`: of the verdict */
    runAccepted: (run: RunRef, { nextRunId, code, rows, by }: { nextRunId: string; code: string; rows: number; by: string }) =>
      log.warn({ event: 'run_accepted', ...aboutRun(run), next_run: nextRunId, error_code: code, rows, by }),

    // Slices, fields and tables of a run

    sliceRepeated: ({ runId }: RunRef, slice: { ordinal: number }, reason: string) =>
      log.warn({ event: 'slice_repeated', run: runId, slice: slice.ordinal, reason }),
    sliceCut: ({ runId }: RunRef, slice: { ordinal: number }, parts: number) =>
      log.info({ event: 'slice_cut', run: runId, slice: slice.ordinal, parts }),
    /** Salesforce could not count the rows, so the verdict is `not counted` */
    notCounted: ({ runId, job }: RunRef, error: unknown) =>
      log.warn({ event: 'not_counted', run: runId, object: job.objectName, ...describeError(error) }),
    /** Salesforce refused a query because of the fields it selects; `group` is the field group */
    fieldsRefused: ({ runId, job }: RunRef, code: string, group: number) =>
      log.warn({ event: 'fields_refused', run: runId, object: job.objectName, salesforce_code: code, group }),
    expirationRemoved: (run: RunRef) =>
      log.warn(
        { event: 'expiration_removed', ...aboutRun(run) },
        'Removed the expiration of the target table. Some rows may already have expired.',
      ),
    /** of a run that has ended; without it, the job store did not respond. Retried, and reported again if that fails. */
    tablesNotDropped: (error: unknown, run?: RunRef) =>
      log.warn(
        { event: 'tables_not_dropped', ...(run && aboutRun(run)), ...describeError(error) },
        'Could not drop staging and delta tables. They expire eight days after their run was queued.',
      ),
    /** that no run needs; without a connection, the job store did not respond. Retried, and reported again if that fails. */
    bulkJobsNotDeleted: (error: unknown, leftovers?: { connectionId: number; orgId: string }) =>
      log.warn(
        { event: 'bulk_jobs_not_deleted', connection: leftovers?.connectionId, org: leftovers?.orgId, ...describeError(error) },
        'Could not delete Bulk jobs that are no longer needed. Salesforce deletes them after seven days.',
      ),
    /** a table or view of the user has the name of the view of live rows; `why` says which */
    liveViewNotOurs: (run: RunRef, why: string) => log.warn({ event: 'live_view_not_ours', ...aboutRun(run) }, why),

    // The metadata tables

    /** without a batch: batches could not be created or claimed. Retried, and reported again if that fails. */
    outboxNotLoaded: (error: unknown, batch?: BatchRef) =>
      log.warn(
        { event: 'outbox_not_loaded', batch: batch?.id, dataset: batch?.dataset, table: batch?.tableName, ...describeError(error) },
        'Could not write to a metadata table. Its rows are kept and written later.',
      ),
    /** a table or view of the user has the name of a metadata table or view */
    metadataTableNotOurs: (dataset: string, table: string) =>
      log.warn(
        { event: 'metadata_table_not_ours', dataset, table },
        `The service does not write to ${dataset}.${table}, because it did not create it. Rename or move it.`,
      ),
  };
}

/** To two decimals. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function aboutJob({ id, objectName }: JobRef) {
  return { job: id, object: objectName };
}

function aboutRun({ runId, job }: RunRef) {
  return { run: runId, ...aboutJob(job) };
}

function aboutClaim(run: ClaimedRun) {
  const { pass, window, attempt } = run;
  return { ...aboutRun(run), kind: pass.kind, window: { from: window.from, to: window.to }, attempt };
}
