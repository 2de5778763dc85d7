// Only these: the whole of prom-client takes 10 MB more.
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Histogram from 'prom-client/lib/histogram.js';
import Registry from 'prom-client/lib/registry.js';
import type { RunEvent } from './core/runs/kept-events.ts';
import { RUN_KINDS } from './core/runs/pass.ts';
import type { Receipt } from './core/runs/receipt.ts';
import { rowsWritten } from './core/runs/rows-written.ts';
import { sum } from './core/sum.ts';
import type { Gauges } from './store/gauges.ts';

/** What a step of a run takes: loading a page from Salesforce into its staging table, or a MERGE. */
type Step = 'load' | 'merge';

const STEP_SECONDS = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800];
const RESPONSE_SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60];

/** How runs end, by event; a deferred run continues. */
const OUTCOMES: Record<string, string> = {
  run_succeeded: 'succeeded',
  run_failed: 'failed',
  run_cancelled: 'cancelled',
  run_cancelled_by_request: 'cancelled',
  run_deferred: 'deferred',
};

/**
 * The metrics of this process, for Prometheus, and those that all processes share and that are read at each scrape. Every label has few
 * values, or at most as many as Gauges.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #runs = this.#counter('sync_runs_total', 'Runs that ended or were deferred, by kind and outcome.', ['kind', 'outcome']);
  readonly #rows = this.#counter('sync_rows_total', 'Rows that succeeded runs read from Salesforce.', ['kind']);
  readonly #written = this.#counter('sync_rows_written_total', 'Rows that succeeded runs wrote.', ['kind']);
  readonly #bytes = this.#counter('sync_bytes_total', 'Bytes that Salesforce sent for them, usually compressed.', ['kind']);
  readonly #invalid = this.#counter('sync_invalid_values_total', 'Values that did not fit their column.', ['kind']);
  readonly #renewals = this.#counter('sync_renewals_total', 'Sessions requested from Salesforce login hosts, by outcome.', ['outcome']);
  readonly #steps = {
    load: this.#histogram('sync_load_seconds', 'Time to load a page from Salesforce into its staging table.', STEP_SECONDS),
    merge: this.#histogram('sync_merge_seconds', 'Time of a MERGE into a target table, retries included.', STEP_SECONDS),
  } satisfies Record<Step, Histogram>;
  readonly #responses = this.#histogram('sync_http_seconds', 'Time until a response was complete.', RESPONSE_SECONDS, [
    'route',
    'method',
    'status',
  ]);
  readonly #storeUp = this.#gauge('sync_job_store_up', '1 if the job store answered this scrape; otherwise what follows is missing.', []);
  readonly #queue = this.#gauge('sync_open_runs', 'Runs in progress, due, or waiting, of all processes.', ['kind', 'state']);
  readonly #lag = this.#gauge(
    'sync_job_lag_seconds',
    'Age of the last_date of active jobs, the least current ones; of the job before its first window.',
    ['object', 'connection'],
  );
  readonly #ownCalls = this.#gauge('sync_salesforce_own_calls', "The service's API calls to the connection's org in 24 hours.", [
    'connection',
  ]);
  readonly #usedCalls = this.#gauge('sync_salesforce_used_calls', 'API calls of all clients, as Salesforce last reported.', ['connection']);
  readonly #callLimit = this.#gauge('sync_salesforce_call_limit', "The org's limit of API calls in 24 hours.", ['connection']);

  /** A rate sees the first failure only if its series was 0 before. */
  constructor() {
    for (const kind of RUN_KINDS) {
      for (const outcome of new Set(Object.values(OUTCOMES))) this.#runs.inc({ kind, outcome }, 0);
      for (const counter of [this.#rows, this.#written, this.#bytes, this.#invalid]) counter.inc({ kind }, 0);
    }
  }

  /** Counts an event of a run. */
  count({ event, details }: RunEvent): void {
    const outcome = OUTCOMES[event];
    if (outcome === undefined) return;
    const kind = typeof details.kind === 'string' ? details.kind : 'unknown';
    this.#runs.inc({ kind, outcome });
    if (event === 'run_succeeded') this.#countReceipt(kind, details.receipt as Receipt);
  }

  #countReceipt(kind: string, receipt: Receipt): void {
    this.#rows.inc({ kind }, receipt.processed);
    this.#written.inc({ kind }, rowsWritten(receipt));
    this.#bytes.inc({ kind }, receipt.bytes);
    this.#invalid.inc({ kind }, sum(Object.values(receipt.invalid_values)));
  }

  /** Measures a step that succeeds. */
  async time<T>(step: Step, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.#steps[step].observe((performance.now() - start) / 1000);
    return result;
  }

  /** Counts a renewal of a session by how it ends. */
  async countRenewal<T>(work: () => Promise<T>): Promise<T> {
    try {
      const renewed = await work();
      this.#renewals.inc({ outcome: 'renewed' });
      return renewed;
    } catch (error) {
      this.#renewals.inc({ outcome: 'failed' });
      throw error;
    }
  }

  /** @param route of few: the pattern of the path, not the path */
  observeResponse(route: string, method: string, status: number, seconds: number): void {
    this.#responses.observe({ route, method, status }, seconds);
  }

  /** All metrics in Prometheus's text format. @param shared undefined: the job store did not respond */
  async text(shared: Gauges | undefined): Promise<{ type: string; body: string }> {
    for (const gauge of [this.#queue, this.#lag, this.#ownCalls, this.#usedCalls, this.#callLimit]) gauge.reset();
    this.#storeUp.set(shared ? 1 : 0);
    for (const { kind, state, runs } of shared?.queue ?? []) this.#queue.set({ kind, state }, runs);
    for (const { object, connection, seconds } of shared?.lags ?? []) this.#lag.set({ object, connection }, seconds);
    for (const { connection, own, used, limit } of shared?.calls ?? []) {
      this.#ownCalls.set({ connection }, own);
      if (used !== null) this.#usedCalls.set({ connection }, used);
      if (limit !== null) this.#callLimit.set({ connection }, limit);
    }
    return { type: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram<Label extends string>(name: string, help: string, buckets: number[], labelNames: Label[] = []): Histogram<Label> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.#registry] });
  }
}
