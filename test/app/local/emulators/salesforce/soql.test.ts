import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Connected, connect } from './connect.ts';

let connected: Connected;

beforeAll(async () => {
  connected = await connect({ size: 40 });
});
afterAll(() => connected.emulator.close());

const count = async (where: string): Promise<number> =>
  (await connected.connection.query(`SELECT COUNT() FROM Opportunity WHERE ${where}`)).totalSize;

/** Names of some accounts of this test, in the order of the query. */
async function names(tail: string): Promise<unknown[]> {
  const { records } = await connected.connection.query(`SELECT Name FROM Account WHERE AccountNumber = 'soql' AND ${tail}`);
  return records.map((record) => record.Name);
}

beforeAll(() => {
  const { org } = connected.emulator;
  const rows = [
    { Name: 'Alpha', NumberOfEmployees: 1, Active__c: true, ContractEnd__c: '2023-01-01', Interests__c: 'Chairs;Lamps', Score__c: 0.5 },
    { Name: 'beta_1', NumberOfEmployees: 20, LastVisit__c: '2023-03-01T00:00:00Z', Interests__c: 'Lamps' },
    { Name: "O'Neil 100%", NumberOfEmployees: null, Active__c: true, Score__c: -3 },
    { Name: 'line\nbreak', NumberOfEmployees: 300 },
  ];
  for (const row of rows) org.insert('Account', { AccountNumber: 'soql', ...row });
});

describe('WHERE', () => {
  test.each([
    ['NumberOfEmployees > 1', ['beta_1', 'line\nbreak']],
    ['NumberOfEmployees <= 20', ['Alpha', 'beta_1']],
    ['NumberOfEmployees = null', ["O'Neil 100%"]],
    ['NumberOfEmployees != 20', ['Alpha', "O'Neil 100%", 'line\nbreak']],
    ['Active__c = TRUE', ['Alpha', "O'Neil 100%"]],
    ['Active__c != true', ['beta_1', 'line\nbreak']],
    ["Name = 'ALPHA'", ['Alpha']],
    ["Name = 'O\\'Neil 100%'", ["O'Neil 100%"]],
    ["Name = 'line\\nbreak'", ['line\nbreak']],
    ["Name IN ('alpha', 'beta_1')", ['Alpha', 'beta_1']],
    ["Name NOT IN ('alpha', 'beta_1')", ["O'Neil 100%", 'line\nbreak']],
    ["Name LIKE 'BETA%'", ['beta_1']],
    ["Name LIKE '%\\%'", ["O'Neil 100%"]],
    ["Name LIKE 'line_break'", ['line\nbreak']],
    ['Score__c < 0.6', ['Alpha', "O'Neil 100%"]],
    ['ContractEnd__c = 2023-01-01', ['Alpha']],
    ['LastVisit__c = 2023-03-01T01:00:00+01:00', ['beta_1']],
    ["Interests__c INCLUDES ('Chairs;Lamps', 'Desks')", ['Alpha']],
    ["Interests__c INCLUDES ('lamps')", ['Alpha', 'beta_1']],
    ["(Name = 'Alpha' OR (NumberOfEmployees > 10 AND NumberOfEmployees < 100))", ['Alpha', 'beta_1']],
    ["NOT (Name = 'Alpha' OR NOT Name LIKE '%e%')", ['beta_1', "O'Neil 100%", 'line\nbreak']],
  ])('%s', async (where, expected) => {
    expect(await names(where)).toEqual(expected);
  });

  test('finds ids of 15 and 18 characters, case-sensitively', async () => {
    const id = connected.emulator.org.insert('Account', { Name: 'By id' });
    const find = async (id: string) => (await connected.connection.query(`SELECT COUNT() FROM Account WHERE Id = '${id}'`)).totalSize;
    expect(await Promise.all([find(id), find(id.slice(0, 15)), find(id.slice(0, 15).toUpperCase())])).toEqual([1, 1, 0]);
  });

  test.each(["Id = 'nonsense'", "Id IN ('001000000000001AAA', '')", "AccountId > '001'", "Id LIKE '006%'"])(
    'refuses %s: not an id, or not an operator for ids',
    async (where) => {
      await expect(count(where)).rejects.toMatchObject({ errorCode: 'INVALID_QUERY_FILTER_OPERATOR' });
    },
  );

  test('divides the rows by half-open intervals without loss or overlap', async () => {
    const stamps = [...connected.emulator.org.records('Opportunity')].map((record) => String(record.SystemModstamp));
    const cut = fc.constantFrom(...stamps, '2023-03-10T00:00:00.000Z', '2023-03-10T01:30:00+01:30');
    await fc.assert(
      fc.asyncProperty(fc.array(cut, { minLength: 1, maxLength: 3 }), async (cuts) => {
        const edges = [...cuts].sort((left, right) => Date.parse(left) - Date.parse(right));
        const parts = [
          `SystemModstamp < ${edges[0]}`,
          ...edges.map((edge, index) => `SystemModstamp >= ${edge}${edges[index + 1] ? ` AND SystemModstamp < ${edges[index + 1]}` : ''}`),
        ];
        const counts = await Promise.all(parts.map(count));
        expect(counts.reduce((sum, part) => sum + part, 0)).toBe(await count('Id != null'));
      }),
      { numRuns: 15 },
    );
  });

  test('selects the rows of a window, also those updated after its end', async () => {
    const { org } = connected.emulator;
    const [from, to] = ['2023-03-10T00:00:00.000Z', '2023-03-20T00:00:00.000Z'];
    const expected = [...org.records('Account')].filter(
      ({ SystemModstamp, CreatedDate }) => String(SystemModstamp) >= from && (String(SystemModstamp) < to || String(CreatedDate) < to),
    );
    const window = `SystemModstamp >= ${from} AND (SystemModstamp < ${to} OR CreatedDate < ${to})`;
    const { records } = await connected.connection.query(`SELECT Id FROM Account WHERE ${window}`, { scanAll: true });
    expect(new Set(records.map(({ Id }) => Id))).toEqual(new Set(expected.map(({ Id }) => Id)));
    expect(expected.some(({ SystemModstamp }) => String(SystemModstamp) >= to)).toBe(true);
  });
});

describe('ORDER BY, LIMIT and OFFSET', () => {
  test.each([
    ['NumberOfEmployees != 0 ORDER BY NumberOfEmployees', ["O'Neil 100%", 'Alpha', 'beta_1', 'line\nbreak']],
    ['NumberOfEmployees != 0 ORDER BY NumberOfEmployees DESC NULLS LAST', ['line\nbreak', 'beta_1', 'Alpha', "O'Neil 100%"]],
    ['NumberOfEmployees > 0 ORDER BY Name LIMIT 1 OFFSET 1', ['beta_1']],
    ['NumberOfEmployees > 0 LIMIT 2', ['Alpha', 'beta_1']],
  ])('%s', async (tail, expected) => {
    expect(await names(tail)).toEqual(expected);
  });
});

describe('a query that Salesforce refuses', () => {
  const refusal = async (soql: string) => {
    const reply = await connected.ask(`/services/data/v66.0/query?q=${encodeURIComponent(soql)}`);
    const [error] = (await reply.json()) as { errorCode: string; message: string }[];
    return { status: reply.status, ...error };
  };

  test.each([
    ['SELECT Id FROM', 'MALFORMED_QUERY', "unexpected token: '<EOF>'"],
    ['SELECT Id FROM Account WHERE Name', 'MALFORMED_QUERY', "unexpected token: '<EOF>'"],
    ["SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", 'MALFORMED_QUERY', "unexpected token: 'OR'"],
    ['SELECT Id FROM Nothing', 'INVALID_TYPE', "sObject type 'Nothing' is not supported."],
    ['SELECT Id FROM ActivityHistory', 'INVALID_TYPE_FOR_OPERATION', 'entity type ActivityHistory does not support query'],
    ['SELECT Id FROM Account WHERE Nothing = 1', 'INVALID_FIELD', "No such column 'Nothing' on entity 'Account'."],
    ['SELECT Nothing.Name FROM Account', 'INVALID_FIELD', "Didn't understand relationship 'Nothing' in field path."],
    [
      'SELECT Id FROM Account WHERE CreatedDate > 2023-01-01',
      'INVALID_FIELD',
      'must be of type dateTime and should not be enclosed in quotes',
    ],
    ['SELECT Id FROM Account WHERE Name = 1', 'INVALID_FIELD', 'must be of type string and should be enclosed in quotes'],
    ['SELECT Id, Name, id FROM Account', 'INVALID_FIELD', 'duplicate field selected: Id'],
    ['SELECT Id FROM Account ORDER BY Description', 'MALFORMED_QUERY', "field 'Description' can not be sorted in a query call"],
    ['SELECT Id FROM Account WHERE Description = null', 'INVALID_FIELD', "field 'Description' can not be filtered in a query call"],
    [
      'SELECT Id FROM ContentDocumentLink WHERE SystemModstamp > 2023-01-01T00:00:00Z',
      'MALFORMED_QUERY',
      'Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or LinkedEntityId',
    ],
  ])('%s', async (soql, errorCode, text) => {
    expect(await refusal(soql)).toEqual({ status: 400, errorCode, message: expect.stringContaining(text) });
  });

  test("is accepted for a restricted object if it filters by a parent's id", async () => {
    const soql = `SELECT Id FROM ContentDocumentLink WHERE ContentDocumentId = '069000000000001AAA' AND IsDeleted = false`;
    expect((await connected.connection.query(soql)).totalSize).toBe(4);
  });

  test('gets the position by an excerpt and a caret, even in a long query', async () => {
    const columns = connected.emulator.org
      .table('Account')
      ?.definition.fields.map(({ facts }) => facts.name)
      .join(', ');
    const { message = '' } = await refusal(`SELECT ${columns}, Bacon__c FROM Account`);
    const [blank, excerpt = '', caret = '', place] = message.split('\n');
    expect(blank).toBe('');
    expect(excerpt.slice(caret.indexOf('^'))).toMatch(/^Bacon__c FROM Account/);
    expect(place).toBe(`ERROR at Row:1:Column:${`SELECT ${columns}, `.length + 1}`);
  });
});
