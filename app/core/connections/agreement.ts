import { AppError } from '../../errors.ts';

/** What the table `_installation` in BigQuery says: which job store wrote to BigQuery last, and when. */
export interface PublishedStore {
  readonly installation: string;
  readonly epoch: number;
  /** the batch of the outbox that wrote this */
  readonly batch: number;
  /** distinguishes the batch from one with the same id of a copy of the job store */
  readonly token: string;
  /** identifies the job store's address */
  readonly address: string;
  readonly heartbeatAt: Date;
  /** how often the refresh token of each connection has been replaced; connections without rotation are missing */
  readonly rotations: Readonly<Record<string, number>>;
}

/** What the job store knows about itself and about the batch that wrote `_installation`. */
export interface OwnStore {
  readonly installation: string;
  readonly epoch: number;
  /** the installation whose dataset this one took over; null: none */
  readonly supersedes: string | null;
  readonly address: string;
  /** whether this job store contains the batch */
  readonly knowsBatch: boolean;
  /** by the job store's clock */
  readonly now: Date;
}

/**
 * How a job store disagrees with BigQuery. `restored`: it lacks what the service has written. `copied`: it lacks nothing, but the store that
 * it was copied from is alive. `foreign`: another installation wrote to the dataset.
 */
export interface Disagreement {
  readonly kind: 'restored' | 'copied' | 'foreign';
  /** the last heartbeat of the other job store */
  readonly heartbeatAt: Date;
  /** whether that is so recent that the other job store may be in use; then this one must not be accepted */
  readonly isAlive: boolean;
}

/**
 * Compares a job store with what the service has written to BigQuery. Only BigQuery ahead of the job store is a disagreement.
 * @param published undefined: nothing has been written yet
 * @param aliveMs after a heartbeat, a job store counts as alive for this long
 * @returns undefined if they agree
 */
export function compareStores(own: OwnStore, published: PublishedStore | undefined, aliveMs: number): Disagreement | undefined {
  if (!published || isSuperseded(own, published)) return undefined;
  const { heartbeatAt } = published;
  const isAlive = own.now.getTime() - heartbeatAt.getTime() < aliveMs;
  if (published.installation !== own.installation) return { kind: 'foreign', heartbeatAt, isAlive };
  if (published.epoch > own.epoch || !own.knowsBatch) return { kind: 'restored', heartbeatAt, isAlive };
  // A job store that has moved waits only until its old address counts as dead.
  if (published.address !== own.address && isAlive) return { kind: 'copied', heartbeatAt, isAlive };
  return undefined;
}

/** An operator accepted this job store after the other one wrote, even if that one has written once more since. */
function isSuperseded(own: OwnStore, published: PublishedStore): boolean {
  const isKnown = [own.installation, own.supersedes].includes(published.installation);
  return isKnown && published.epoch < own.epoch;
}

const COMMAND = 'the command accept-restore (for npm start: node app/cli.ts accept-restore --local)';

/** The error of everything that a job store in disagreement must not do. Says what happened, and what to do. */
export function storeRestoredError({ kind, heartbeatAt, isAlive }: Disagreement, dataset: string, aliveMs: number): AppError {
  const at = heartbeatAt.toISOString();
  const until = new Date(heartbeatAt.getTime() + aliveMs).toISOString();
  const halted = 'Until then, nothing is imported and no Salesforce session is renewed.';
  const wait = isAlive ? ` It refuses until ${until}, and longer if the other job store writes again.` : '';
  const text = {
    restored: `The job store lacks what the service has written to BigQuery since: it was restored from a backup, or is a copy. The newest job store wrote to ${dataset} at ${at}. If that one is still in use, stop this service. Otherwise run ${COMMAND}.${wait} ${halted}`,
    copied: `The job store is a copy of one that is still in use, or has just moved: from its other address, the service wrote to ${dataset} at ${at}. If the job store there stays in use, stop this service. If it is stopped, this service continues by itself at ${until}. ${halted}`,
    foreign: `Another installation, with another job store, wrote to ${dataset} at ${at}: a second service uses this dataset, or this service's job store was emptied. Give each service datasets of its own in BIGQUERY_DATASETS, or, if this service replaces the other, run ${COMMAND}.${wait} ${halted}`,
  }[kind];
  return new AppError('store_restored', text, { details: { disagreement: kind } });
}

/** The connections whose refresh token was replaced after the job store was saved. @param own how often each one's was, by connection id */
export function rotatedSince(own: ReadonlyMap<number, number>, published: Pick<PublishedStore, 'rotations'>): number[] {
  return [...own].filter(([id, rotations]) => (published.rotations[id] ?? 0) > rotations).map(([id]) => id);
}
