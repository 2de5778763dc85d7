import { CASTS } from '../bigquery/sql/casts.ts';
import type { Column } from '../core/fields/columns.ts';
import { sum } from '../core/sum.ts';
import { notTested, type Probe, type ProbeResult, toResult } from './probe.ts';
import { columnNames, type ProbeOrg } from './probe-org.ts';
import type { ScratchDataset } from './scratch-dataset.ts';

/** An org's rows, and the dataset to load them into. */
export interface TransferSubject {
  org: ProbeOrg;
  scratch: ScratchDataset;
  /** a table with the rows of all pages, once requested */
  staged?: Promise<string>;
}

/** The service's assumptions about loading Salesforce's rows into BigQuery. */
export const TRANSFER_PROBES: readonly Probe<TransferSubject>[] = [
  // BigQuery does not document gzip in uploads; Salesforce does not document how it compresses.
  {
    assumption: "BigQuery loads Salesforce's compressed pages unchanged, each with as many rows as its header says",
    workaround: 'SALESFORCE_GZIP=off',
    run: checkPageLoads,
  },
  // The documentation does not say how Bulk writes integers, percents and exponents.
  {
    assumption: 'Every value in the pages casts to the type of its column',
    consequence: 'Such values are NULL or rounded, and their text is stored in _invalid_values.',
    run: checkAllCasts,
  },
  // The documentation shows different formats for datetimes and numbers in REST and in Bulk.
  {
    assumption: 'The same rows have the same values by REST and by Bulk',
    consequence: 'Small and large windows import different values. Report this to the maintainers.',
    run: compareRestWithBulk,
  },
];

async function checkPageLoads({ org, scratch }: TransferSubject): Promise<ProbeResult> {
  const pages = (await org.pages()).filter(({ gzip }) => gzip);
  if (pages.length === 0) return notTested('no page was compressed');
  const columns = org.names;
  const table = await scratch.table(columns);
  let rows = 0;
  for (const page of pages) {
    const loaded = await scratch.loadBytes(table, columns, page.bytes);
    if (!loaded.succeeded) throw loaded.error;
    if (loaded.job.outputRows !== page.rows) return toResult(false, `${loaded.job.outputRows} of ${page.rows} rows of a page`);
    rows += page.rows;
  }
  return toResult(true, `${rows} rows on ${pages.length} pages`);
}

/** All pages in a table, loaded as plain text: another probe covers gzip. */
function stageViaBulk(subject: TransferSubject): Promise<string> {
  subject.staged ??= extractViaBulk(subject);
  return subject.staged;
}

async function extractViaBulk({ org, scratch }: TransferSubject): Promise<string> {
  const columns = org.names;
  const table = await scratch.table(columns);
  for (const page of await org.pages()) await load(scratch, table, columns, page.text);
  return scratch.quoted(table);
}

async function load(
  scratch: ScratchDataset,
  table: Parameters<ScratchDataset['loadBytes']>[0],
  columns: readonly string[],
  text: Buffer,
): Promise<void> {
  const loaded = await scratch.loadBytes(table, columns, text);
  if (!loaded.succeeded) throw loaded.error;
}

async function checkAllCasts(subject: TransferSubject): Promise<ProbeResult> {
  const typed = subject.org.columns.filter(({ type }) => type !== 'STRING');
  const table = await stageViaBulk(subject);
  const columns = typed.flatMap((column, index) => {
    const text = `NULLIF(\`${column.name}\`, '')`;
    return [`COUNTIF(${text} IS NOT NULL) AS n${index}`, `COUNTIF(${text} IS NOT NULL AND (${cast(column)}) IS NULL) AS u${index}`];
  });
  const [counts] = await subject.scratch.rows<Record<string, number>>(`SELECT ${columns.join(', ')} FROM ${table}`);
  const texts = sum(typed.map((_, index) => counts?.[`n${index}`] ?? 0));
  const types = new Set(typed.filter((_, index) => counts?.[`n${index}`]).map(({ type }) => type));
  const bad = typed.filter((_, index) => counts?.[`u${index}`]).map(({ name }) => name);
  return toResult(
    bad.length === 0,
    `${texts} values of ${[...types].sort().join(', ')}${bad.length > 0 ? `; some failed in ${bad.join(', ')}` : ''}`,
  );
}

async function compareRestWithBulk(subject: TransferSubject): Promise<ProbeResult> {
  const { org, scratch } = subject;
  const rest = await org.restRows();
  if (!rest) return notTested('no query of the object fits in a URL');
  const names = columnNames(rest.columns);
  const table = await scratch.table(names);
  await load(scratch, table, names, rest.csv);
  const select = (from: string): string =>
    `SELECT ${rest.columns.map((column) => `${cast(column)} AS \`${column.name}\``).join(', ')} FROM ${from}`;
  const differs = rest.columns.map(({ name }, index) => `COUNTIF(_bulk.\`${name}\` IS DISTINCT FROM _rest.\`${name}\`) AS d${index}`);
  // A row edited between the two reads may differ.
  const unedited = names.includes('SystemModstamp') ? ' AND _bulk.`SystemModstamp` = _rest.`SystemModstamp`' : '';
  const [counts] = await scratch.rows<Record<string, number>>(`SELECT COUNT(*) AS n, ${differs.join(', ')}
FROM (${select(await stageViaBulk(subject))}) AS _bulk JOIN (${select(scratch.quoted(table))}) AS _rest ON _bulk.\`Id\` = _rest.\`Id\`${unedited}`);
  if (!counts?.n) return notTested('the two reads have no rows in common');
  const different = names.filter((_, index) => counts[`d${index}`]);
  const seen = `${counts.n} rows of ${names.length} columns${different.length > 0 ? `; different in ${different.join(', ')}` : ''}`;
  return toResult(different.length === 0, seen);
}

function cast({ name, type }: Column): string {
  return CASTS[type](`NULLIF(\`${name}\`, '')`);
}
