import { setTimeout as sleep } from 'node:timers/promises';
import { REPAIRS } from './fleet.ts';
import type { ChaosJob } from './job.ts';
import type { Living } from './living.ts';
import type { World } from './world.ts';

export type Scenario = (world: World, living: Living) => Promise<void>;

const JOB: ChaosJob = { object: 'Account', deletes: 'keep', every: '1h' };

/** A row that a window removed leaves no trace by which an older version of it could be recognized. */
const REMOVING_JOB: ChaosJob = { object: 'Contact', deletes: 'remove', every: '1h' };

/** How long to wait for what should not happen. It ends earlier where a guard is missing. */
const MAX_WAIT_MS = 15_000;

/** For each guard of the service, what it prevents: without the guard, the tables are damaged, or pages are fetched in vain. */
export const SCENARIOS: Record<string, Scenario> = {
  /** A run is cancelled after its last read, and its worker notices when later windows have removed what it read. */
  async fence(world, { fleet }) {
    // Otherwise its delta table would be dropped.
    const undeletable = { kind: 'http', status: 403, times: 1_000, match: 'DELETE /bigquery/' };
    await fetch(`${world.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(undeletable) });
    await fleet.create(REMOVING_JOB);
    await finish(world, fleet);
    moveClock(world, '01:20');
    const { org } = world.salesforce;
    const id = someRecord(world, REMOVING_JOB);
    org.update(REMOVING_JOB.object, id, { LastName: 'Removed soon' });
    moveClock(world, '02:20');
    const held = world.violence.hold((step) => step === 'postgres UPDATE jobs SET writing_run before');
    await fleet.tick(REMOVING_JOB);
    await held.reached;
    await fleet.cancelWindow(REMOVING_JOB);
    await finish(world, fleet);
    org.remove(REMOVING_JOB.object, id);
    moveClock(world, '03:20');
    await finish(world, fleet);
    held.release();
    for (const end = performance.now() + MAX_WAIT_MS; performance.now() < end; await sleep(200)) {
      if ((await world.rows(`SELECT Id FROM salesforce.${REMOVING_JOB.object} WHERE Id = '${id}'`)).length > 0) return;
    }
  },

  /** A worker dies when BigQuery has loaded a page, and before that is stored. */
  async 'job-id-adoption'(world, { fleet }) {
    await fleet.create(JOB);
    const killed = world.violence.killAt('postgres UPDATE pages SET loaded before');
    await fleet.tick(JOB);
    await killed;
    await finish(world, fleet);
  },

  /** Salesforce returns a page twice instead of the next one. */
  async 'distinct-ids'(world, { fleet }) {
    await fleet.create(JOB);
    world.violence.repeatPage();
    await finish(world, fleet);
    if (world.violence.takeRepeat()) throw new Error('No page was repeated.');
  },

  /** A record is edited between the end of its window and the tick. */
  async 'moved-stamp'(world, { fleet, watermarks }) {
    await fleet.create(JOB);
    await finish(world, fleet);
    moveClock(world, '01:20');
    const id = world.salesforce.org.insert(JOB.object, { Name: 'Edited before its window is read' });
    moveClock(world, '02:20');
    world.salesforce.org.update(JOB.object, id, { Name: 'Edited' });
    watermarks.note(JOB);
    await finish(world, fleet);
    await watermarks.check(JOB);
  },

  /** A window removes a row between the reading and the writing of a repair. */
  async 'table-lease'(world, { fleet }) {
    const record = someRecord(world, REMOVING_JOB);
    await fleet.create(REMOVING_JOB);
    await finish(world, fleet);
    const held = world.violence.hold((step) => step === 'postgres UPDATE runs SET counted before');
    await fleet.repair(REMOVING_JOB, REPAIRS.find(({ action }) => action === 'reimport')!);
    await held.reached;
    moveClock(world, '01:20');
    world.salesforce.org.remove(REMOVING_JOB.object, record);
    moveClock(world, '02:20');
    const finished = finish(world, fleet);
    await Promise.race([finished, sleep(MAX_WAIT_MS)]);
    held.release();
    await finished;
  },
};

const moveClock = ({ salesforce }: World, time: string): void => salesforce.clock.set(new Date(`2023-03-01T${time}:00Z`));

const someRecord = ({ salesforce }: World, { object }: ChaosJob): string =>
  String([...salesforce.org.records(object)].find(({ IsDeleted }) => !IsDeleted)!.Id);

/** Ticks until every job is complete through the last full hour. */
async function finish({ salesforce }: World, fleet: Living['fleet']): Promise<void> {
  const hour = new Date(salesforce.clock.now());
  hour.setUTCMinutes(0, 0, 0);
  await fleet.finishWindows(hour);
}
