import { FAULT_KINDS as WAREHOUSE_FAULTS } from '../../app/local/emulators/bigquery/faults.ts';
import { FAULT_KINDS as ORG_FAULTS } from '../../app/local/emulators/salesforce/faults.ts';
import type { Dice } from '../../app/local/emulators/salesforce/org/dice.ts';
import { COMPOSITE } from './composite-watch.ts';
import type { Side } from './steps.ts';
import type { World } from './world.ts';

/** Something bad that may happen at any time. */
export interface Act {
  name: string;
  run(world: World, dice: Dice): Promise<unknown>;
}

/** How long a call is delayed whose run another process takes over. */
const DELAY_MS = 3_000;

const HTTP_SIDES: readonly Side[] = ['salesforce', 'bigquery'];

const AT_COMPOSITE = { side: 'salesforce', step: COMPOSITE } as const;

/** What may happen to the call that windows share. `countMet`: how often it has. */
export const COMPOSITE_ACTS: readonly (Act & { countMet(world: World): number })[] = [
  ...(['cut', 'stall'] as const).map((kind) => ({
    name: `a reply of a composite call: ${kind}`,
    run: async ({ violence }: World, dice: Dice) => violence.addMishap({ ...AT_COMPOSITE, kind, at: dice.next() }),
    countMet: ({ violence }: World) => violence.countMet(COMPOSITE, kind),
  })),
  {
    name: 'a query of a composite call refused',
    run: async ({ composites }, dice) => composites.refuseQuery(dice.next()),
    countMet: ({ composites }) => composites.halfFailed,
  },
];

const PLAIN_ACTS: readonly Act[] = [
  { name: 'SIGTERM', run: (world, dice) => dice.pick(world.processes).end('SIGTERM') },
  { name: 'Postgres connections cut', run: async (world, dice) => world.cutPostgres(dice.pick(world.processes)) },
  { name: 'Postgres restarted', run: (world) => world.restartPostgres() },
  { name: 'sessions expired', run: ({ salesforce }) => fetch(`${salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' }) },
  ...HTTP_SIDES.flatMap((side): Act[] => [
    { name: `a reply of ${side} cut`, run: async ({ violence }, dice) => violence.addMishap({ side, kind: 'cut', at: dice.next() }) },
    { name: `a call to ${side} never answered`, run: async ({ violence }) => violence.addMishap({ side, kind: 'silence' }) },
  ]),
  { name: 'a Bulk page repeated', run: async ({ violence }) => violence.repeatPage() },
  { name: 'a lease lost', run: (world, dice) => world.expireLeases(dice.pick(world.processes)) },
  { name: 'a call delayed past its lease', run: delayCall },
];

/** More properties of a fault of Salesforce. By default, it fires once, anywhere. */
const ORG_FAULT_DETAILS: Record<string, object> = {
  'count-timeout': { rows: 3, times: 1 },
  'query-timeout': { rows: 3, times: 1 },
  'too-complicated': { calculated: 0, times: 1 },
  'slow-page': { afterBytes: 200, everyMs: 10 },
};

/** Every kind of act, and of fault of the emulators. */
export function allActs(): Act[] {
  const org = ORG_FAULTS.map(
    (kind): Act => ({
      name: `Salesforce: ${kind}`,
      run: async ({ salesforce }) => salesforce.faults.arm({ kind, ...ORG_FAULT_DETAILS[kind] }),
    }),
  );
  const warehouse = Object.keys(WAREHOUSE_FAULTS).map(
    (kind): Act => ({
      name: `BigQuery: ${kind}`,
      run: ({ bigquery }) => fetch(`${bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify({ kind }) }),
    }),
  );
  return [...PLAIN_ACTS, ...COMPOSITE_ACTS, ...org, ...warehouse];
}

/** Another process takes over a run while a call of its worker is under way. */
async function delayCall(world: World): Promise<void> {
  const process = await world.violence.holdFor(DELAY_MS);
  if (process) await world.expireLeases(process);
}

/** Ends the faults that have not met a call. */
export async function endFaults({ salesforce, bigquery, violence, composites }: World): Promise<void> {
  violence.end();
  composites.end();
  salesforce.faults.clear();
  await fetch(`${bigquery.url}/emulator/faults`, { method: 'DELETE' });
}
