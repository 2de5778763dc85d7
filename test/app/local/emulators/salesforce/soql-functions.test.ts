import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { dateIn, daysOf, midnightIn } from '../../../../../app/local/emulators/salesforce/soql/date-literal.ts';
import { type Connected, connect, createJob } from './connect.ts';

let connected: Connected;

beforeAll(async () => {
  // In Berlin, the 20th started minutes ago.
  connected = await connect({ size: 60, now: '2023-03-19T23:10:00Z' });
  const { org } = connected.emulator;
  const visits: [string, string][] = [
    ['two days ago', '2023-03-18T22:59:59Z'],
    ['yesterday', '2023-03-18T23:00:00Z'],
    ['today', '2023-03-19T23:00:00Z'],
    ['tomorrow', '2023-03-20T23:00:00Z'],
  ];
  for (const [Name, LastVisit__c] of visits)
    org.insert('Account', { AccountNumber: 'literal', Name, LastVisit__c, ContractEnd__c: '2023-03-20' });
});
afterAll(() => connected.emulator.close());

const living = (object: string) => [...connected.emulator.org.records(object)].filter((record) => !record.IsDeleted);

async function refusal(soql: string): Promise<[number, string | undefined, string | undefined]> {
  const reply = await connected.ask(`/services/data/v66.0/query?q=${encodeURIComponent(soql)}`);
  const [error] = (await reply.json()) as { errorCode: string; message: string }[];
  return [reply.status, error?.errorCode, error?.message];
}

describe('an aggregate function over all rows', () => {
  test('returns one row with expr0, expr1 and so on', async () => {
    const { totalSize, done, records } = await connected.connection.query(
      'SELECT MIN(CreatedDate), MAX(CreatedDate), COUNT(Id) FROM Contact',
    );
    const created = living('Contact')
      .map((record) => String(record.CreatedDate).replace('Z', '+0000'))
      .sort();
    expect({ totalSize, done, records }).toEqual({
      totalSize: 1,
      done: true,
      records: [{ attributes: { type: 'AggregateResult' }, expr0: created[0], expr1: created.at(-1), expr2: created.length }],
    });
  });

  test('applies the filter, ignores nulls, and returns null or 0 for no rows', async () => {
    const { records } = await connected.connection.query(
      "SELECT COUNT(NumberOfEmployees), MAX(Score__c) highest, COUNT(Id) FROM Account WHERE AccountNumber = 'literal'",
    );
    expect(records).toMatchObject([{ expr0: 0, highest: null, expr2: 4 }]);
    const { records: empty } = await connected.connection.query("SELECT MIN(CreatedDate) FROM Account WHERE Name = 'missing'");
    expect(empty).toMatchObject([{ expr0: null }]);
  });

  test.each([
    ['SELECT MIN(Active__c) FROM Account', 'does not support aggregate operator MIN'],
    ['SELECT MIN(CreatedDate) first FROM Account', "unexpected token: 'first'"],
    ['SELECT Name, COUNT(Id) FROM Account GROUP BY Name', 'not GROUP BY or fields'],
    ['SELECT TYPEOF Owner WHEN User THEN Name END FROM Lead', 'TYPEOF'],
    ['SELECT FIELDS(ALL) FROM Account LIMIT 200', 'The SOQL FIELDS function'],
    ['SELECT Id, (SELECT Id FROM Contacts) FROM Account', 'does not support subqueries'],
  ])('or another unsupported part is refused: %s', async (soql, message) => {
    expect(await refusal(soql)).toEqual([400, 'MALFORMED_QUERY', expect.stringContaining(message)]);
  });

  test('is refused by Bulk', async () => {
    await expect(createJob(connected, 'SELECT MAX(CreatedDate) FROM Account')).rejects.toMatchObject({
      message: 'Aggregate Relationships not supported in Bulk Query',
    });
  });
});

describe('a date literal', () => {
  test.each([
    ['LastVisit__c = TODAY', ['today']],
    ['LastVisit__c = YESTERDAY', ['yesterday']],
    ['LastVisit__c > TODAY', ['tomorrow']],
    ['LastVisit__c <= TODAY', ['two days ago', 'yesterday', 'today']],
    ['LastVisit__c >= YESTERDAY', ['yesterday', 'today', 'tomorrow']],
    ['LastVisit__c = LAST_N_DAYS:1', ['yesterday', 'today']],
    ['LastVisit__c = N_DAYS_AGO:2', ['two days ago']],
    ['LastVisit__c != THIS_YEAR', []],
    ['ContractEnd__c = TODAY AND LastVisit__c = TOMORROW', ['tomorrow']],
  ])("covers days in the user's time zone: %s", async (where, expected) => {
    const { records } = await connected.connection.query(`SELECT Name FROM Account WHERE AccountNumber = 'literal' AND ${where}`);
    expect(records.map(({ Name }) => Name)).toEqual(expected);
  });

  test.each([
    ['THIS_WEEK', '2023-03-20', '2023-03-27'],
    ['LAST_MONTH', '2023-02-01', '2023-03-01'],
    ['NEXT_QUARTER', '2023-04-01', '2023-07-01'],
    ['LAST_N_WEEKS:2', '2023-03-06', '2023-03-20'],
    ['NEXT_N_MONTHS:3', '2023-04-01', '2023-07-01'],
    ['LAST_90_DAYS', '2022-12-20', '2023-03-21'],
    ['NEXT_N_DAYS:2', '2023-03-21', '2023-03-23'],
    ['LAST_YEAR', '2022-01-01', '2023-01-01'],
  ])('%s covers %s to %s', (literal, from, to) => {
    expect(daysOf(literal, '2023-03-20')).toEqual({ from, to });
  });

  test('finds midnight also around daylight saving changes', () => {
    expect(dateIn('Europe/Berlin', new Date('2023-03-19T23:10:00Z'))).toBe('2023-03-20');
    const midnights = ['2023-03-26', '2023-03-27', '2023-10-29', '2023-10-30'].map((date) =>
      midnightIn('Europe/Berlin', date).toISOString(),
    );
    expect(midnights).toEqual([
      '2023-03-25T23:00:00.000Z',
      '2023-03-26T22:00:00.000Z',
      '2023-10-28T22:00:00.000Z',
      '2023-10-29T23:00:00.000Z',
    ]);
  });

  test('is refused for a fiscal year or a text field', async () => {
    expect(await refusal('SELECT Id FROM Account WHERE LastVisit__c = THIS_FISCAL_YEAR')).toEqual([
      400,
      'MALFORMED_QUERY',
      expect.any(String),
    ]);
    expect(await refusal('SELECT Id FROM Account WHERE Name = TODAY')).toEqual([400, 'MALFORMED_QUERY', expect.any(String)]);
  });
});

test('a semi-join finds the rows that a subquery names, an anti-join all others', async () => {
  const parents = new Set(living('Contact').map((record) => record.AccountId));
  const count = async (operator: string) =>
    (await connected.connection.query(`SELECT COUNT() FROM Account WHERE Id ${operator} (SELECT AccountId FROM Contact)`)).totalSize;
  const all = living('Account');
  const having = all.filter(({ Id }) => parents.has(Id ?? null)).length;
  expect([await count('IN'), await count('NOT IN')]).toEqual([having, all.length - having]);
});
