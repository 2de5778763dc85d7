import type { Reimport, RunKind } from './runs/pass.ts';
import { repairTask } from './runs/repair-task.ts';
import type { RunState } from './runs/run-state.ts';

/** Conditions that a person should know of. Each is reported when it starts, and when it is over. */
export const CONDITIONS = [
  'run_failed',
  'needs_login',
  'deferred',
  'fields_disappeared',
  'field_pending',
  'overdue',
  'sweep_refused',
  'quota',
] as const;

/** Progress, for programs that continue with the data. Each is reported once. */
export const PROGRESS = ['run_succeeded', 'tick_completed'] as const;

export type Condition = (typeof CONDITIONS)[number];
/** `test`: sent when a caller requests it, whatever the webhook subscribes to. */
export type AlertEvent = Condition | (typeof PROGRESS)[number] | 'test';

/** Ids, codes, counts and the names of objects and columns; never a record's value, never a secret. */
export type AlertData = Readonly<Record<string, unknown>>;

/** A condition that lasts. */
export interface Alert {
  readonly event: Condition;
  /** what it is about: unique within the event */
  readonly subject: string;
  readonly data: AlertData;
}

/** An alert as stored. */
export interface OpenAlert extends Alert {
  readonly openedAt: Date;
  /** whether a message says that it has started */
  readonly reported: boolean;
}

/** Open alerts by their keys (`keyOf`). */
export type Alerts<A extends Alert = Alert> = ReadonlyMap<string, A>;

/** Identifies an alert. */
export function keyOf({ event, subject }: Pick<Alert, 'event' | 'subject'>): string {
  return `${event} ${subject}`;
}

/** What happens to an alert: it starts, with other data if it is open; it has other data, which is not worth a message; or it is over. */
export interface Change {
  readonly change: 'opened' | 'changed' | 'resolved';
  readonly alert: Alert;
  /** what the message says instead of the alert's data */
  readonly news?: AlertData;
}

/** What an ended run says about its job. */
export interface EndedRun {
  readonly runId: string;
  readonly jobId: string;
  readonly connectionId: number;
  readonly objectName: string;
  readonly kind: RunKind;
  /** of a reimport; empty for other kinds */
  readonly scope: Omit<Reimport, 'kind'>;
  readonly windowFrom: Date;
  readonly windowTo: Date;
  readonly state: RunState;
  readonly errorCode: string | null;
  readonly failures: number;
  /** rows of a verdict that an operator may accept */
  readonly acceptableRows: number | null;
  readonly rowsWritten: number;
  readonly verdict: string | null;
  /** columns that nothing fills any more; null: the run did not compare its fields with the table */
  readonly orphaned: readonly string[] | null;
  /** those of the job's previous run */
  readonly previouslyOrphaned: readonly string[] | null;
  /** new fields that are not read until they are approved, and those of the previous run; null as above */
  readonly pending: readonly string[] | null;
  readonly previouslyPending: readonly string[] | null;
}

/** How an ended run changes the alerts. @param open those that are open before it */
export function changesOfRun(run: EndedRun, open: Alerts): Change[] {
  if (run.state === 'failed') return changesOfFailure(run, open);
  if (run.state !== 'succeeded') return [];
  return [...failuresBefore(run, open).map((alert): Change => ({ change: 'resolved', alert })), ...changesOfFields(run, open)];
}

const FAILURES: readonly Condition[] = ['run_failed', 'sweep_refused'];

/** The open failures that a run's success ends. Those of erasures end when nothing of them is left to erase (readOver). */
function failuresBefore(run: EndedRun, open: Alerts): Alert[] {
  if (isErasure(run)) return [];
  const subject = `${run.jobId}/${whatItDoes(run)}`;
  if (isRepeated(run)) return FAILURES.flatMap((event) => open.get(keyOf({ event, subject })) ?? []);
  return [...open.values()].filter((alert) => FAILURES.includes(alert.event) && alert.subject.startsWith(`${subject}/`));
}

function changesOfFailure(run: EndedRun, open: Alerts): Change[] {
  const event: Condition = run.kind === 'sweep' && run.acceptableRows !== null ? 'sweep_refused' : 'run_failed';
  const subject = subjectOfFailure(run);
  if (open.has(keyOf({ event, subject }))) return [];
  const { errorCode, failures, acceptableRows } = run;
  const data = { ...describeRun(run), error_code: errorCode, failures, ...(acceptableRows !== null && { rows: acceptableRows }) };
  return [{ change: 'opened', alert: { event, subject, data } }];
}

/**
 * The service repeats windows, sweeps and erasures by itself: another failure continues the same condition. Other repairs fail one by one.
 * readOver knows the subjects of erasures.
 */
function subjectOfFailure(run: EndedRun): string {
  const subject = `${run.jobId}/${whatItDoes(run)}`;
  if (run.scope.erase !== undefined) return `${subject}/${run.scope.erase}`;
  return isRepeated(run) || isErasure(run) ? subject : `${subject}/${run.runId}`;
}

function whatItDoes({ kind, scope }: EndedRun): string {
  return kind === 'reimport' ? repairTask(scope) : kind;
}

function isRepeated({ kind }: EndedRun): boolean {
  return kind === 'window' || kind === 'sweep';
}

function isErasure({ scope }: EndedRun): boolean {
  return scope.erase !== undefined || scope.clear !== undefined;
}

/** Fields that were hidden or deleted, or are new and wait for approval; and those among them that no longer are. */
function changesOfFields(run: EndedRun, open: Alerts): Change[] {
  const { orphaned, previouslyOrphaned, pending, previouslyPending } = run;
  return [
    ...changesOfNames('fields_disappeared', 'columns', orphaned, previouslyOrphaned, run, open),
    ...changesOfNames('field_pending', 'fields', pending, previouslyPending, run, open),
  ];
}

function changesOfNames(
  event: Condition,
  property: string,
  current: readonly string[] | null,
  previous: readonly string[] | null,
  { jobId, objectName, connectionId, runId }: EndedRun,
  open: Alerts,
): Change[] {
  if (!current) return [];
  const key = { event, subject: jobId };
  const known = open.get(keyOf(key));
  const reported = (known?.data[property] ?? []) as string[];
  const newly = current.filter((name) => !reported.includes(name) && !previous?.includes(name));
  const left = reported.filter((name) => current.includes(name));
  const about = (names: readonly string[]): AlertData => ({
    ...{ job_id: jobId, object_name: objectName, connection_id: connectionId, run_id: runId },
    [property]: names,
  });
  const next: Alert = { ...key, data: about([...left, ...newly]) };
  if (newly.length > 0) return [{ change: 'opened', alert: next, news: about(newly) }];
  if (!known || left.length === reported.length) return [];
  return [left.length === 0 ? { change: 'resolved', alert: known } : { change: 'changed', alert: next }];
}

/** How the present changes the alerts. @param starting conditions that are true @param over keys of alerts whose conditions are not */
export function changesOfPresent(starting: readonly Alert[], over: ReadonlySet<string>, open: Alerts): Change[] {
  return [
    ...[...over].flatMap((key) => open.get(key) ?? []).map((alert): Change => ({ change: 'resolved', alert })),
    ...starting.filter((alert) => !open.has(keyOf(alert))).map((alert): Change => ({ change: 'opened', alert })),
  ];
}

/** What messages say about a run. */
export function describeRun(run: EndedRun): AlertData {
  const { runId, jobId, objectName, connectionId, kind, scope, windowFrom, windowTo } = run;
  const window = { from: windowFrom.toISOString(), to: windowTo.toISOString() };
  const repair = kind === 'reimport' && { repair: repairTask(scope) };
  return { job_id: jobId, object_name: objectName, connection_id: connectionId, run_id: runId, kind, ...repair, window };
}
