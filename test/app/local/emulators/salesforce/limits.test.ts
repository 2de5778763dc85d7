import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Connected, connect, createJob } from './connect.ts';

let connected: Connected;

beforeEach(async () => {
  connected = await connect({ size: 10 });
});
afterEach(() => connected.emulator.close());

const put = (limits: object): Promise<Response> =>
  fetch(`${connected.emulator.instanceUrl}/emulator/limits`, { method: 'PUT', body: JSON.stringify(limits) });

describe('a limit', () => {
  test('is reported by /limits and by the header of every call', async () => {
    await put({ DailyApiRequests: { Max: 100_000, Remaining: 60_000 } });
    const reply = await connected.ask('/services/data/v66.0/limits');
    expect(reply.headers.get('Sforce-Limit-Info')).toBe('api-usage=40001/100000');
    expect(await reply.json()).toMatchObject({ DailyApiRequests: { Max: 100_000, Remaining: 59_999 } });
  });

  test('of API calls returns 403 once it is reached, until calls are available again', async () => {
    await put({ DailyApiRequests: { Remaining: 1 } });
    const limits = () => connected.ask('/services/data/v66.0/limits');
    expect((await limits()).status).toBe(200);
    const refused = await limits();
    expect([refused.status, await refused.json()]).toEqual([
      403,
      [{ message: 'TotalRequests Limit exceeded.', errorCode: 'REQUEST_LIMIT_EXCEEDED' }],
    ]);
    await put({ DailyApiRequests: { Remaining: 10 } });
    expect((await limits()).status).toBe(200);
  });

  test('of Bulk jobs is enforced at the creation of a job', async () => {
    await put({ DailyBulkV2QueryJobs: { Max: 3, Remaining: 1 } });
    await createJob(connected, 'SELECT Id FROM Account');
    await expect(createJob(connected, 'SELECT Id FROM Account')).rejects.toMatchObject({
      errorCode: 'LIMIT_EXCEEDED',
      message: 'Max bulk v2 query jobs (3) per 24 hrs has been reached',
    });
    await put({ DailyBulkV2QueryJobs: { Remaining: 1 }, DailyBulkV2QueryFileStorageMB: { Remaining: 0 } });
    await expect(createJob(connected, 'SELECT Id FROM Account')).rejects.toMatchObject({
      message: 'Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded',
    });
  });

  test('that does not exist cannot be set', async () => {
    const refused = await put({ DailyMagic: { Max: 1 } });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('Unknown limit DailyMagic')]);
  });
});
