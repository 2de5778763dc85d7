// cspell:ignore evry ount
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { readSyncFile } from '../../../../app/commands/sync-file/read-sync-file.ts';
import { entryOf } from '../../../../app/core/jobs/sync-file.ts';

/** The entries of a file's only connection. */
const entriesOf = (text: string) => readSyncFile('sync.yaml', text).connections[0]!.entries;

test('an entry has the defaults of the file and of its connection, and its own options before them', () => {
  const text = `
defaults: { start_date: 2024-01-01, every: 6h }
connections:
  production:
    defaults: { every: 1h, deletes: blank }
    jobs:
      Account:
      Contact: { every: 15m, start_date: all, paused: true }
`;
  const [account, contact] = entriesOf(text);
  expect(account).toEqual({
    pattern: 'Account',
    except: [],
    paused: undefined,
    options: { startDate: new Date('2024-01-01'), every: '1h', deletes: 'blank' },
  });
  expect(contact).toMatchObject({ paused: true, options: { startDate: new Date('1700-01-01'), every: '15m', deletes: 'blank' } });
});

test('an object belongs to its own entry, otherwise to the first pattern that matches, otherwise to all', () => {
  const entries = entriesOf(`
defaults: { start_date: all }
connections:
  production:
    jobs:
      all: { except: ["*History", Secret__c] }
      "Invoice*": { except: InvoiceShare }
      "*Line__c": {}
      invoiceLine__c: {}
`);
  const patternOf = (name: string): string | undefined => entryOf(entries, name)?.pattern;
  expect(['InvoiceLine__c', 'Invoice__c', 'OrderLine__c', 'Account', 'InvoiceShare', 'AccountHistory', 'secret__c'].map(patternOf)).toEqual(
    ['invoiceLine__c', 'Invoice*', '*Line__c', 'all', 'all', undefined, undefined],
  );
});

test('the example in the README is valid', () => {
  const [, example] = /```yaml\n(# sync\.yaml\n[^`]+)```/.exec(readFileSync('README.md', 'utf8'))!;
  expect(entriesOf(example!).map(({ pattern }) => pattern)).toEqual(['all', 'Account', 'Invoice*', 'Lead']);
});

const jobs = (text: string): string => `connections:\n  production:\n    jobs:\n${text}`;

describe('a fault names its line and column, and what to do:', () => {
  test.each([
    [
      'an unknown key',
      'default: {}\nconnections: {}',
      '1:1: Unknown key "default". Did you mean defaults? The file takes defaults and connections.',
    ],
    [
      'an unknown option',
      jobs('      Account: { start_date: all, evry: 1h }'),
      '4:35: Unknown key "evry". Did you mean every? Account takes ',
    ],
    ['a wrong value', jobs('      Account: { start_date: all, every: 5m }'), '4:42: every must be 15m, 20m, '],
    ['a wrong date', jobs('      Account: { start_date: 2024-02-31 }'), '4:30: start_date must be a date in the form YYYY-MM-DD'],
    ['a missing value', jobs('      Account: { start_date: all, every: }'), '4:35: every has no value. Write one, or remove the key.'],
    [
      'a list in place of a value',
      jobs('      Account: { start_date: all, paused: [{}] }'),
      '4:44: paused must be a value or a list of values.',
    ],
    ['neither true nor false', jobs('      Account: { start_date: all, paused: 1 }'), '4:43: paused must be true or false.'],
    ['no start_date', jobs('      Account: {}'), '4:7: Account has no start_date. Add one here or under defaults'],
    ['a name that is none', jobs('      "Acc ount": { start_date: all }'), '4:7: "Acc ount" must be an object\'s API name'],
    ['an exception of one object', jobs('      Account: { start_date: all, except: Lead }'), '4:35: Unknown key "except". Account takes '],
    ['a value in place of a map', jobs('      Account: 5'), '4:16: Account must contain keys with values'],
    ['a pattern without quotes', jobs('      *History: { start_date: all }'), '4:1: Quote a name that contains *, for example "*History".'],
    ['such a pattern in a list', jobs('      all: { start_date: all, except: [*History] }'), '4:40: Quote a name that contains *'],
    ['the same key twice', jobs('      Lead: { start_date: all }\n      Lead: {}'), '5:7: The same key occurs twice. Remove one of them.'],
    [
      'the same object twice',
      jobs('      Lead: { start_date: all }\n      lead: { start_date: all }'),
      '3:5: lead occurs twice, in different spellings.',
    ],
    ['a tab', 'connections:\n\tproduction: {}', '2:1: The line is indented with a tab. Use spaces.'],
    ['broken YAML', jobs('      Account: { start_date: all'), '4:33: The file is not valid YAML: '],
    ['no connections', 'defaults: {}', '1:1: The file lists no connections.'],
    ['an empty file', '', '1:1: The file lists no connections.'],
  ])('%s', (_, text, message) => {
    expect(() => readSyncFile('sync.yaml', text)).toThrow(`sync.yaml:${message}`);
  });

  test('all of them at once, in the order of the file', () => {
    const text = 'defaults: { every: 5m }\nconnections:\n  production:\n    job: {}\n    jobs:\n      Account: { delete: blank }\n';
    expect(() => readSyncFile('sync.yaml', text)).toThrow(/^sync.yaml:1:20: .*\nsync.yaml:4:5: .*\nsync.yaml:6:7: .*\nsync.yaml:6:18: .*$/);
  });
});
