import type { OrgRecord } from '../../app/local/emulators/salesforce/org/org.ts';
import type { ChaosJob } from './job.ts';
import type { World } from './world.ts';

/** A record as a tick saw it. */
interface Seen {
  id: string;
  created: number;
  stamp: number;
  isDeleted: boolean;
}

/** What the org had when a tick first requested the windows that end at `to`. */
interface Snapshot {
  to: number;
  records: Seen[];
}

const MINUTE_MS = 60_000;

/**
 * Checks that no `last_date` is ahead of the data. Whatever a tick could see of a window must be in the table once `last_date` is the
 * window's end: every record created before it, in any version, and every record stamped before it and not
 * edited since, in a version at least as new.
 */
export class Watermarks {
  /** moments at which `last_date` was ahead of the data */
  ahead = 0;
  readonly examples: string[] = [];
  readonly #world: World;
  readonly #snapshots = new Map<string, Snapshot[]>();
  readonly #checked = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Call this right before a tick. */
  note({ object, every }: ChaosJob): void {
    const to = windowEnd(this.#world.salesforce.clock.now(), every);
    const snapshots = this.#snapshots.get(object) ?? [];
    if (snapshots.at(-1)?.to === to) return;
    const records = [...this.#world.salesforce.org.records(object)].map((record) => ({
      id: String(record.Id),
      created: Date.parse(String(record.CreatedDate)),
      stamp: stampOf(record),
      isDeleted: record.IsDeleted === true,
    }));
    this.#snapshots.set(object, [...snapshots, { to, records }]);
  }

  /** Checks a job whose `last_date` has moved since the last check. */
  async check({ object, deletes }: ChaosJob): Promise<void> {
    const { rows } = await this.#world.database.query<{ synced_to: Date; reread_from: Date | null; is_whole: boolean | null }>(
      `SELECT synced_to, reread_from, (SELECT bool_or(open) FROM slices JOIN runs ON runs.id = run_id
         WHERE job_id = jobs.id AND kind = 'window' AND runs.state = 'succeeded' AND window_to = synced_to) AS is_whole
       FROM jobs WHERE object_name = $1`,
      [object],
    );
    const { synced_to, reread_from, is_whole } = rows[0] ?? {};
    if (!synced_to || this.#checked.get(object) === synced_to.getTime()) return;
    this.#checked.set(object, synced_to.getTime());
    const snapshot = this.#snapshots.get(object)?.findLast(({ to }) => to <= synced_to.getTime());
    if (!snapshot) return;
    this.#snapshots.set(
      object,
      this.#snapshots.get(object)!.filter(({ to }) => to >= snapshot.to),
    );
    const table = await this.#world.rows(`SELECT Id, UNIX_MILLIS(SystemModstamp) AS stamp FROM salesforce.${object}`);
    const stamps = new Map(table.map((row) => [String(row.Id), Number(row.stamp)]));
    const current = new Map([...this.#world.salesforce.org.records(object)].map((record) => [String(record.Id), record]));
    // Where a window was cut, what has been edited since comes with the rest.
    const isWhole = is_whole === true && snapshot.to === synced_to.getTime();
    const missing = snapshot.records.filter(({ id, created, stamp, isDeleted }) => {
      // It was purged since, or may have been removed from the table since: stamps have whole seconds, so a deletion may not move them.
      const now = current.get(id);
      if (!now || (deletes === 'remove' && (isDeleted || now.IsDeleted === true || stampOf(now) !== stamp))) return false;
      // The next window reads it again, and the receipt said so.
      if (reread_from && stamp >= reread_from.getTime()) return false;
      const inTable = stamps.get(id);
      // What has been edited since comes in that version by the window of the edit, but was in the org when the tick came.
      if (stamp < snapshot.to && stampOf(now) === stamp) return inTable === undefined || inTable < stamp;
      return isWhole && created < snapshot.to && inTable === undefined;
    });
    if (missing.length === 0) return;
    this.ahead++;
    this.examples.push(
      `${object} lacked ${missing.length} rows at last_date ${synced_to.toISOString()}, such as ${JSON.stringify(missing[0])}`,
    );
  }
}

const stampOf = ({ SystemModstamp }: OrgRecord): number => Date.parse(String(SystemModstamp));

/** The end of the latest window. @param every in minutes or hours */
function windowEnd(now: Date, every: string): number {
  const step = Number.parseInt(every, 10) * (every.endsWith('h') ? 60 : 1) * MINUTE_MS;
  return Math.floor(now.getTime() / step) * step;
}
