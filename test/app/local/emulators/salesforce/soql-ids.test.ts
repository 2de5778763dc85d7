import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bulkRows, type Connected, connect } from './connect.ts';

/** Conditions on Id and IsDeleted, by REST and by Bulk. */
let connected: Connected;
/** All ids of the object in Id's order, and those that are deleted. */
let ids: string[];
let deleted: Set<string>;

const byText = (left: string, right: string) => (left < right ? -1 : 1);

beforeAll(async () => {
  connected = await connect({ size: 60 });
  const { org } = connected.emulator;
  for (let row = 0; row < 70; row += 1) org.insert('Contact', { LastName: `Row ${row}` });
  for (const { Id } of [...org.records('Contact')].filter((_, index) => index % 9 === 0)) org.remove('Contact', String(Id));
  const records = [...org.records('Contact')];
  ids = records.map(({ Id }) => String(Id)).sort(byText);
  deleted = new Set(records.filter(({ IsDeleted }) => IsDeleted).map(({ Id }) => String(Id)));
});
afterAll(() => connected.emulator.close());

/** The ids that a condition finds by each of query, queryAll, Bulk query and Bulk queryAll, with their counts. */
async function found(where: string) {
  const soql = `SELECT Id FROM Contact WHERE ${where} ORDER BY Id`;
  const answers = [];
  for (const scanAll of [false, true]) {
    const { records } = await connected.connection.query(soql, { scanAll });
    const { totalSize } = await connected.connection.query(`SELECT COUNT() FROM Contact WHERE ${where}`, { scanAll });
    const byBulk = (await bulkRows(connected, soql, { operation: scanAll ? 'queryAll' : 'query' })).flat();
    expect([totalSize, byBulk]).toEqual([records.length, records.map(({ Id }) => Id)]);
    answers.push(byBulk);
  }
  return { live: answers[0], all: answers[1] };
}

/** What a condition must find. */
const expected = (all: string[]) => ({ live: all.filter((id) => !deleted.has(id)), all });

describe('conditions on Id', () => {
  test('ranges divide all rows without loss or overlap, in the order of ORDER BY Id', async () => {
    const [low, high] = [ids[20]!, ids[90]!];
    expect(await found(`Id >= '${low}' AND Id < '${high}'`)).toEqual(expected(ids.slice(20, 90)));
    expect(await found(`Id < '${low}'`)).toEqual(expected(ids.slice(0, 20)));
    expect(await found(`Id > '${high}'`)).toEqual(expected(ids.slice(91)));
    expect(await found(`Id <= '${high.slice(0, 15)}'`)).toEqual(expected(ids.slice(0, 91)));
  });

  test('a list of ids finds those that exist, once each', async () => {
    const some = [3, 50, 51, 99].map((index) => ids[index]!);
    const list = [...some, some[0], '003000000000001AAA'].map((id) => `'${id}'`).join(', ');
    expect(await found(`Id IN (${list})`)).toEqual(expected(some));
    expect(await found(`Id NOT IN (${list})`)).toEqual(expected(ids.filter((id) => !some.includes(id))));
  });

  test('a list may be as long as the address allows', async () => {
    const list = (count: number) => Array.from({ length: count }, (_, index) => `'${ids[index % ids.length]}'`).join(',');
    const ask = (count: number) =>
      connected.ask(`/services/data/v66.0/queryAll?${new URLSearchParams({ q: `SELECT Id FROM Contact WHERE Id IN (${list(count)})` })}`);
    const whole = await ask(500);
    expect([whole.status, ((await whole.json()) as { totalSize: number }).totalSize]).toEqual([200, ids.length]);
    expect((await ask(700)).status).toBe(414);
    expect((await bulkRows(connected, `SELECT Id FROM Contact WHERE Id IN (${list(4000)})`, { operation: 'queryAll' })).length).toBe(
      ids.length,
    );
    await expect(bulkRows(connected, `SELECT Id FROM Contact WHERE Id IN (${list(5000)})`)).rejects.toThrow('100,000 characters');
  });
});

test('IsDeleted finds rows in the recycle bin by queryAll only', async () => {
  const bin = ids.filter((id) => deleted.has(id));
  expect(bin.length).toBeGreaterThan(10);
  expect(await found('IsDeleted = true')).toEqual({ live: [], all: bin });
  expect(await found('isDeleted = FALSE')).toEqual(expected(ids.filter((id) => !deleted.has(id))));
});
