import { WholeService } from './whole-service.ts';

/** The Salesforce calls of a daily window, without changes and with a few changed rows, if as many are due together as share a call. */
export interface SharedWindowCost {
  emptyCalls: number;
  smallCalls: number;
}

const SMALL_ROWS = 100;

/** Of each object, the field that a new row needs. They have no rows initially, and the org becomes active only in March 2023. */
const OBJECTS = { Account: 'Name', Case: 'Subject', Contact: 'LastName', Lead: 'LastName', Opportunity: 'Name' };

/** Counts the calls of windows that are not the first of their jobs. */
export async function sharedWindowCost(): Promise<SharedWindowCost> {
  const rows = Object.fromEntries(Object.keys(OBJECTS).map((object) => [object, 0]));
  await using service = await WholeService.start({ now: '2023-02-01T00:10:00Z', size: 10, rows });
  for (const object of Object.keys(OBJECTS)) await service.createJob(object, '2023-02-01');
  // The first windows describe the objects and create the tables.
  await addRows(service, '2023-02-01');
  await callsUntil(service, '2023-02-02', SMALL_ROWS);
  const emptyCalls = await callsUntil(service, '2023-02-03', 0);
  await addRows(service, '2023-02-03');
  return { emptyCalls, smallCalls: await callsUntil(service, '2023-02-04', SMALL_ROWS) };
}

async function addRows(service: WholeService, day: string): Promise<void> {
  await service.setClock(`${day}T12:00:00Z`);
  for (const [object, field] of Object.entries(OBJECTS)) {
    for (let row = 0; row < SMALL_ROWS; row++) await service.changeOrg('POST', `records?object=${object}`, { [field]: `row ${row}` });
  }
}

/** Calls per window. */
async function callsUntil(service: WholeService, day: string, rows: number): Promise<number> {
  const before = await service.salesforceCalls();
  const jobs = await service.importAllUntil(day);
  for (const { table, run } of jobs) {
    if (run?.receipt?.delta_rows !== rows)
      throw new Error(`The window of ${table} until ${day} had ${run?.receipt?.delta_rows} rows, not ${rows}.`);
  }
  return ((await service.salesforceCalls()) - before) / jobs.length;
}
