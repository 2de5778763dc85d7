import { WholeService } from './whole-service.ts';

/** The cost of daily windows without changes and with a few changed rows. */
export interface WindowCost {
  emptyCalls: number;
  emptyJobs: number;
  smallCalls: number;
  smallJobs: number;
  /** MiB */
  smallBilledMb: number;
}

const SMALL_ROWS = 100;

/** It has no rows initially, and the org becomes active only in March 2023, so all changes are those of this file. */
export const OBJECT = 'Everything__c';

/** Counts the Salesforce calls and BigQuery jobs of an empty and a small window, neither of them a job's first. */
export async function windowCost(): Promise<WindowCost> {
  await using service = await WholeService.start({ now: '2023-02-01T00:10:00Z', size: 10, rows: { [OBJECT]: 0 } });
  await service.createJob(OBJECT, '2023-02-01');
  // The first window describes the object and creates the table.
  await addRows(service, '2023-02-01', SMALL_ROWS);
  await costOf(service, '2023-02-02', SMALL_ROWS);
  const [emptyCalls, emptyJobs] = await costOf(service, '2023-02-03', 0);
  await addRows(service, '2023-02-03', SMALL_ROWS);
  const [smallCalls, smallJobs, smallBilledMb] = await costOf(service, '2023-02-04', SMALL_ROWS);
  return { emptyCalls, emptyJobs, smallCalls, smallJobs, smallBilledMb };
}

/** Adds rows that changed at noon of a day. */
export async function addRows(service: WholeService, day: string, rows: number): Promise<void> {
  await service.setClock(`${day}T12:00:00Z`);
  for (let row = 0; row < rows; row++) await service.changeOrg('POST', `records?object=${OBJECT}`, { Text__c: `row ${row}` });
}

async function costOf(service: WholeService, day: string, rows: number): Promise<[calls: number, jobs: number, billedMb: number]> {
  const before = [await service.salesforceCalls(), await service.bigQueryJobs()] as const;
  const { run } = await service.importUntil(day);
  if (run?.receipt?.delta_rows !== rows) throw new Error(`The window until ${day} had ${run?.receipt?.delta_rows} rows, not ${rows}.`);
  const billedMb = run.receipt.bytes_billed / 1024 ** 2;
  return [(await service.salesforceCalls()) - before[0], (await service.bigQueryJobs()) - before[1], billedMb];
}
