import { gzipSync } from 'node:zlib';

/** The columns of a fake page. They repeat if the page has more: the first ones are those of every object. */
const COLUMNS: [string, (row: number, chance: Chance) => string][] = [
  ['Id', (row) => `001${row.toString(36).padStart(12, '0')}AAA`],
  ['IsDeleted', (_row, chance) => (chance(50) === 0 ? 'true' : 'false')],
  ['Name', (row, chance) => `Company ${chance(100_000)} of ${row}, Inc.`],
  ['OwnerId', (_row, chance) => `005${chance(200).toString(36).padStart(12, '0')}AAA`],
  ['CreatedDate', moment],
  ['LastModifiedDate', moment],
  ['SystemModstamp', moment],
  ['Email', (_row, chance) => `person.${chance(1_000_000)}@example.com`],
  ['Phone', (_row, chance) => `+${chance(99)} ${chance(10_000_000)}`],
  ['Status', (_row, chance) => ['Open', 'Closed', 'In progress', 'On hold'][chance(4)]!],
  ['Amount', (_row, chance) => `${chance(1_000_000)}.${chance(100)}`],
  ['Share', (_row, chance) => String(chance(1_000_000) / 1e6)],
  ['CloseDate', (row, chance) => moment(row, chance).slice(0, 10)],
  ['Description', (_row, chance) => `Said "call again",\nthen ${WORDS[chance(8)]} ${WORDS[chance(8)]} ${chance(1_000)}`],
  ['Empty', () => ''],
  ['Street', (_row, chance) => `${chance(300)} Market Street, Floor ${chance(40)}`],
  ['City', (_row, chance) => ['Berlin', 'Zürich', 'São Paulo', '東京'][chance(4)]!],
  ['Key', (_row, chance) => `${chance(2 ** 31).toString(36)}-${chance(2 ** 31).toString(36)}`],
];

const WORDS = ['offer', 'invoice', 'naïve façade', 'déjà vu', 'refund', 'renewal', 'upgrade', 'downgrade'];

/** A pseudo-random integer from 0 to `below`, exclusive. */
type Chance = (below: number) => number;

export interface FakePage {
  columns: string[];
  /** gzip of the CSV, with its header line */
  body: Buffer;
}

/** Creates a page as Bulk API 2.0 returns them: every value quoted, some with line breaks. The same page every time. */
export function createPage(rows: number, columns: number): FakePage {
  const fields = Array.from({ length: columns }, (_, index) => COLUMNS[index % COLUMNS.length]!);
  const names = fields.map(([name], index) => (index < COLUMNS.length ? name : `${name}${index}__c`));
  const chance = chanceFrom(20_240_310);
  const lines = [names.map(quoted).join(',')];
  for (let row = 0; row < rows; row++) lines.push(fields.map(([, create]) => quoted(create(row, chance))).join(','));
  const text = Buffer.from(`${lines.join('\n')}\n`);
  return { columns: names, body: gzipSync(text) };
}

function moment(_row: number, chance: Chance): string {
  return new Date(Date.UTC(2022, 0, 1) + chance(60_000_000) * 1000).toISOString();
}

function quoted(value: string): string {
  return value === '' ? '' : `"${value.replaceAll('"', '""')}"`;
}

/** Marsaglia's xorshift. @param seed any number except 0 */
function chanceFrom(seed: number): Chance {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
