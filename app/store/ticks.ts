import type { Queryable } from './database.ts';

/** Enough that a few unusual gaps do not change the median. */
const MAX_TICKS = 8;

/** No schedule ticks more often: another tick within this time is a retry or a manual one. */
const MIN_GAP = '30 seconds';

/** Records that a tick of all jobs came now, in real time. */
export async function saveTick(database: Queryable): Promise<void> {
  await database.query(
    `INSERT INTO ticks (recent) VALUES (ARRAY[now()])
     ON CONFLICT (id) DO UPDATE SET recent = (ARRAY[now()] || ticks.recent)[1:${MAX_TICKS}]
     WHERE ticks.recent[1] < now() - interval '${MIN_GAP}'`,
  );
}

/** When the latest ticks of all jobs came, newest first. */
export async function recentTicks(database: Queryable): Promise<Date[]> {
  const { rows } = await database.query<{ recent: Date[] }>('SELECT recent FROM ticks');
  return rows[0]?.recent ?? [];
}
