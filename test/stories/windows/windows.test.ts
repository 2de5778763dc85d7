import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Limits } from '../../../app/core/connections/limits.ts';
import { startService, type TestService } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

const MINUTE_MS = 60_000;
const BEGIN = '2023-03-02';
const DAYS = 6;
const END = '2023-03-08';

/** The last tick, and nothing happens after it. */
const LAST_TICK = `${END}T00:30:00Z`;

/** The most that a record is committed after it was stamped: what the lag and the overlap together bear. */
const LATEST_MINUTES = 14;

/** Something that happens to a record, or to the job, so many minutes after a day's midnight. */
interface Event {
  day: number;
  minute: number;
  what: 'create' | 'edit' | 'delete' | 'undelete' | 'tick' | 'tick and wait' | 'pause' | 'resume';
  /** which of the records that there are */
  which: number;
  /** by how many minutes it is committed after it was stamped */
  late: number;
}

const change = fc.record({
  day: fc.nat(DAYS),
  // Most lie around midnight and the tick after it.
  minute: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 4, max: LATEST_MINUTES }), fc.nat(1439)),
  what: fc.constantFrom('create', 'create', 'edit', 'edit', 'edit', 'delete', 'undelete'),
  which: fc.nat(10_000),
  late: fc.constantFrom(0, 0, 3, LATEST_MINUTES, LATEST_MINUTES),
});

/** A tick comes when what was stamped before midnight may be read. On some days there is none. */
const call = fc.record({
  day: fc.nat(DAYS - 1),
  minute: fc.constantFrom(5, 5, 5, 9, 30),
  what: fc.constantFrom('tick', 'tick and wait', 'tick and wait', 'tick and wait', 'pause', 'resume', 'resume'),
  which: fc.constant(0),
  late: fc.constant(0),
});

const events: fc.Arbitrary<Event[]> = fc
  .tuple(
    fc.array(change as fc.Arbitrary<Event>, { minLength: 25, maxLength: 40, size: 'max' }),
    fc.array(call as fc.Arbitrary<Event>, { minLength: 6, maxLength: 10, size: 'max' }),
  )
  .map((both) =>
    both
      .flat()
      .filter((event) => instant(event) < Date.parse(LAST_TICK))
      .sort((one, other) => instant(one) - instant(other)),
  );

const instant = ({ day, minute }: Event): number => Date.parse(BEGIN) + (day * 1440 + minute) * MINUTE_MS;

async function happen(service: TestService, job: { user_id: string; object_name: string }, event: Event): Promise<void> {
  service.salesforce.clock.set(new Date(instant(event)));
  if (event.what === 'tick') await service.call('handle_importing_job');
  else if (event.what === 'tick and wait') await service.call('handle_importing_job', { wait: '50' });
  else if (event.what === 'pause' || event.what === 'resume') await service.call(`${event.what}_importing_job`, job);
  else changeRecord(service, event);
}

function changeRecord({ salesforce: { org } }: TestService, event: Event): void {
  const { what, which, late } = event;
  const records = [...org.records('Account')];
  const record = records[which % records.length]!;
  const [id, Name] = [String(record.Id), `${what} ${event.day} ${event.minute} ${which}`];
  const stamp = new Date(instant(event) - late * MINUTE_MS).toISOString();
  // A stamp never goes back.
  const stamps = (before = ''): Record<string, string> => ({ SystemModstamp: stamp > before ? stamp : before });
  if (what === 'create') org.insert('Account', { Name, CreatedDate: stamp, ...stamps() });
  else if (what === 'undelete') org.undelete('Account', id);
  else if (record.IsDeleted) return;
  else if (what === 'edit') org.update('Account', id, { Name, ...stamps(String(record.SystemModstamp)) });
  else org.remove('Account', id);
}

const WAYS: [string, Partial<Limits>][] = [
  ['at once, by REST', {}],
  ['in chains of short runs, by Bulk', { restRows: 3, firstPageRows: 7, sliceRows: 20, runSlices: 2 }],
];

test.each(WAYS)(
  'windows read %s leave no gap, whatever is edited, ticked late, paused or resumed',
  async (_way, limits) => {
    const property = fc.asyncProperty(events, async (happening) => {
      await using service = await startService({ limits, salesforce: { size: 30 } });
      const job = { user_id: await service.connect(), object_name: 'Account' };
      await service.call('create_importing_job', { ...job, start_date: '2023-03-01' });
      for (const event of happening) await happen(service, job, event);
      await service.call('resume_importing_job', job);
      expect(await service.tickAt(LAST_TICK)).toMatchObject({ text: expect.stringMatching(/^OK/) });
      await expectWholeTable(service, 'Account', END);
    });
    // Each runs a whole service: a failure is reported with its seed and not shrunk.
    await fc.assert(property, { numRuns: 2, endOnFailure: true });
  },
  60_000,
);
