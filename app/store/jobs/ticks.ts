import type { Queryable } from '../database.ts';

/** Enough that a few unusual gaps do not change the median. */
const MAX_TICKS = 8;

/** No schedule ticks more often: another tick within this time is a retry or a manual one. */
const MIN_GAP = '30 seconds';

/** Records that a tick of all jobs came now, in real time. @param by who called it */
export async function saveTick(database: Queryable, by: string): Promise<void> {
  await database.query(
    `INSERT INTO ticks (recent, latest_by) VALUES (ARRAY[now()], $1)
     ON CONFLICT (id) DO UPDATE SET recent = (ARRAY[now()] || ticks.recent)[1:${MAX_TICKS}], latest_by = $1
     WHERE ticks.recent[1] < now() - interval '${MIN_GAP}'`,
    [by],
  );
}

/** The latest ticks of all jobs. */
export interface Ticks {
  /** when they came, newest first */
  recent: Date[];
  /** who called the latest; null: unknown */
  latestBy: string | null;
}

export async function readTicks(database: Queryable): Promise<Ticks> {
  const { rows } = await database.query<{ recent: Date[]; latest_by: string | null }>('SELECT recent, latest_by FROM ticks');
  return { recent: rows[0]?.recent ?? [], latestBy: rows[0]?.latest_by ?? null };
}

/** When the latest ticks of all jobs came, newest first. */
export async function recentTicks(database: Queryable): Promise<Date[]> {
  return (await readTicks(database)).recent;
}
