import { runQueryJob } from '../bigquery/jobs.ts';
import { CASTS } from '../bigquery/sql/casts.ts';
import { patchTable } from '../bigquery/tables/table.ts';
import { isLoopback } from '../bigquery/warehouse.ts';
import type { ColumnType } from '../core/fields/columns.ts';
import { notTested, type Probe, type ProbeResult, toResult } from './probe.ts';
import { bigQueryReason, type ScratchDataset } from './scratch-dataset.ts';

/** The service's assumptions about tables and statements. */
export const STATEMENT_PROBES: readonly Probe<ScratchDataset>[] = [
  // BigQuery, tables.insert.
  {
    assumption: 'A table keeps the labels and expiration it was created with',
    consequence: 'The service cannot identify the job that owns a table.',
    run: checkLabels,
  },
  // BigQuery, modifying schemas: not documented what a patch does to omitted descriptions, so we omit none.
  {
    assumption: 'A patch with the whole schema adds a column and keeps types and descriptions',
    consequence: 'Runs fail when Salesforce adds a field.',
    run: checkAddedColumn,
  },
  // BigQuery, data definition language, SET DATA TYPE: our analyzer refuses the statement for all types.
  {
    assumption: 'ALTER COLUMN SET DATA TYPE widens a column: INT64 to NUMERIC, BIGNUMERIC and FLOAT64, NUMERIC to BIGNUMERIC and FLOAT64',
    consequence: 'A field whose type is widened needs another column.',
    run: checkWidening,
  },
  // BigQuery, format elements: %Ez is documented for -05:00; the 2023 GoogleSQL analyzer also accepts Z and +0000.
  {
    assumption: 'The format %E*S%Ez parses datetimes from Bulk (Z), from REST (+0000), and with +00:00',
    consequence: 'Datetimes become NULL, and their text is stored in _invalid_values.',
    run: checkDatetimes,
  },
  // BigQuery, conversion rules: as seen in the 2023 GoogleSQL analyzer.
  {
    assumption: 'Numbers, dates, times and booleans are cast as by the 2023 GoogleSQL analyzer',
    consequence: 'Values become NULL, and their text is stored in _invalid_values.',
    run: checkCasts,
  },
  // BigQuery, jobs.insert.
  {
    assumption: 'BigQuery refuses a used query job ID with 409',
    consequence: 'A MERGE could run twice, which changes nothing but is billed twice.',
    run: checkUsedStatementId,
  },
  // BigQuery, MERGE and dmlStats.
  { assumption: 'A MERGE is idempotent and reports how many rows it inserted', run: checkRepeatedMerge },
  // BigQuery, MERGE: documented as a run-time error.
  {
    assumption: 'A MERGE with two source rows for one target row fails',
    consequence: 'The service deduplicates rows first, but a bug there would go unnoticed.',
    run: checkDuplicateSourceRows,
  },
  // BigQuery, writeDisposition and schemaUpdateOptions: documented each, but not together for a REQUIRED column.
  {
    assumption: 'A query can replace the rows of a table whose primary key is REQUIRED, and keeps the key, its labels and descriptions',
    consequence: 'Rebuilds, and windows of objects without a usable cursor, fail.',
    run: checkReplacedRows,
  },
  // BigQuery, maximumBytesBilled: the error code is not documented.
  {
    assumption: 'A statement over its maximumBytesBilled fails with bytesBilledLimitExceeded',
    consequence: 'Runs that exceed their byte budget fail permanently instead of waiting.',
    run: checkByteLimit,
  },
  // BigQuery, querying partitioned tables: pruning is documented for literals in WHERE, not in the ON of a MERGE.
  {
    assumption: 'A MERGE that names months reads only those partitions',
    consequence: 'Each run is billed for the whole table.',
    run: checkPruning,
  },
];

async function checkLabels(scratch: ScratchDataset): Promise<ProbeResult> {
  const table = await scratch.table(['Id'], { job: 'doctor' });
  const { labels, expirationTime } = (await scratch.metadata(table)) ?? {};
  const minutes = Math.round((Number(expirationTime) - Date.now()) / 60_000);
  return toResult(
    labels?.job === 'doctor' && minutes > 0 && minutes <= 60,
    `${Object.keys(labels ?? {}).length} label, ${minutes} minutes`,
  );
}

async function checkAddedColumn(scratch: ScratchDataset): Promise<ProbeResult> {
  const name = scratch.tableName();
  await scratch.statement(`CREATE TABLE ${scratch.quoted(name)} (Id STRING OPTIONS (description = 'the key'))`);
  const { schema } = (await scratch.metadata(name)) ?? {};
  const fields = [...(schema?.fields ?? []), { name: 'Added', type: 'NUMERIC', mode: 'NULLABLE', description: 'new' }];
  await patchTable(scratch.warehouse, name, { schema: { fields } });
  const after = (await scratch.metadata(name))?.schema?.fields ?? [];
  const seen = after.map((field) => `${field.name} ${field.type}: ${field.description}`).join(', ');
  return toResult(seen === 'Id STRING: the key, Added NUMERIC: new', seen);
}

const WIDENED: readonly [string, string][] = [
  ['INT64', 'NUMERIC'],
  ['INT64', 'BIGNUMERIC'],
  ['INT64', 'FLOAT64'],
  ['NUMERIC', 'BIGNUMERIC'],
  ['NUMERIC', 'FLOAT64'],
];

/** Uses one table per type: a table may be updated five times in ten seconds. */
async function checkWidening(scratch: ScratchDataset): Promise<ProbeResult> {
  const wrong = await Promise.all(WIDENED.map(([from, to]) => widenColumn(scratch, from, to)));
  const not = wrong.filter((pair) => pair !== undefined);
  return toResult(not.length === 0, not.length === 0 ? `all ${WIDENED.length}` : `failed: ${not.join(', ')}`);
}

/** @returns the conversion that failed; undefined on success */
async function widenColumn(scratch: ScratchDataset, from: string, to: string): Promise<string | undefined> {
  const table = scratch.quoted(scratch.tableName());
  await scratch.statement(`CREATE TABLE ${table} AS SELECT CAST(12 AS ${from}) AS Value`);
  const { status } = await scratch.run(`ALTER TABLE ${table} ALTER COLUMN Value SET DATA TYPE ${to}`);
  if (status?.errorResult) return `${from} to ${to} (${status.errorResult.reason})`;
  const [row] = await scratch.rows<{ kept: boolean }>(`SELECT Value = CAST(12 AS ${to}) AS kept FROM ${table}`);
  return row?.kept ? undefined : `${from} to ${to}`;
}

async function checkDatetimes(scratch: ScratchDataset): Promise<ProbeResult> {
  const moment = "TIMESTAMP '2024-03-10 12:34:56.789+00'";
  const zones = ['Z', '+0000', '+00:00'];
  return await checkConditions(
    scratch,
    zones.map((zone) => ({ what: zone, sql: `${CASTS.TIMESTAMP(`'2024-03-10T12:34:56.789${zone}'`)} = ${moment}` })),
  );
}

/** Text as Salesforce writes it, and the value that GoogleSQL casts it to. */
const CAST_ANSWERS: readonly [ColumnType, string, string][] = [
  ['TIME', '12:34:56.000Z', "TIME '12:34:56'"],
  ['DATE', '2024-03-10', "DATE '2024-03-10'"],
  ['DATE', '2024-03-10T12:34:56.000Z', 'NULL'],
  ['INT64', '39000', '39000'],
  ['INT64', '12.0', '12'],
  ['INT64', '12.5', 'NULL'],
  ['FLOAT64', '1.2345678E7', '12345678.0'],
  ['FLOAT64', '1.0E-4', '0.0001'],
  ['NUMERIC', '1.2345678E7', "NUMERIC '12345678'"],
  ['NUMERIC', '0.1234567891', "NUMERIC '0.123456789'"],
  ['NUMERIC', '1E30', 'NULL'],
  ['BIGNUMERIC', '1.0E-4', "BIGNUMERIC '0.0001'"],
  ['BOOL', 'true', 'TRUE'],
  ['BOOL', '1', 'NULL'],
];

async function checkCasts(scratch: ScratchDataset): Promise<ProbeResult> {
  return await checkConditions(
    scratch,
    CAST_ANSWERS.map(([type, text, value]) => {
      const cast = CASTS[type](`'${text}'`);
      return { what: `${type} of ${text}`, sql: value === 'NULL' ? `(${cast}) IS NULL` : `(${cast}) = ${value}` };
    }),
  );
}

/** Evaluates conditions in one statement. */
async function checkConditions(scratch: ScratchDataset, conditions: readonly { what: string; sql: string }[]): Promise<ProbeResult> {
  const columns = conditions.map(({ sql }, index) => `IFNULL(${sql}, FALSE) AS t${index}`);
  const [row] = await scratch.rows<Record<string, boolean>>(`SELECT ${columns.join(', ')}`);
  const wrong = conditions.filter((_, index) => row?.[`t${index}`] !== true).map(({ what }) => what);
  const seen = wrong.length === 0 ? `all ${conditions.length}` : `failed: ${wrong.join(', ')}`;
  return toResult(wrong.length === 0, seen);
}

async function checkUsedStatementId(scratch: ScratchDataset): Promise<ProbeResult> {
  const id = scratch.name();
  await scratch.createJob(id, 'SELECT 1');
  const isAcceptedAgain = await scratch.createJob(id, 'SELECT 1');
  return toResult(!isAcceptedAgain, isAcceptedAgain ? 'accepted' : '409');
}

async function checkRepeatedMerge(scratch: ScratchDataset): Promise<ProbeResult> {
  const target = scratch.quoted(scratch.tableName());
  await scratch.statement(`CREATE TABLE ${target} (Id STRING, Stamp INT64)`);
  await scratch.statement(`INSERT INTO ${target} (Id, Stamp) VALUES ('a', 2), ('b', 1)`);
  const merge = `MERGE ${target} AS t USING (
SELECT 'a' AS Id, 1 AS Stamp UNION ALL SELECT 'b' AS Id, 3 AS Stamp UNION ALL SELECT 'c' AS Id, 3 AS Stamp
) AS s ON t.Id = s.Id
WHEN MATCHED AND s.Stamp >= t.Stamp THEN UPDATE SET Stamp = s.Stamp
WHEN NOT MATCHED THEN INSERT (Id, Stamp) VALUES (s.Id, s.Stamp)`;
  const counts = [await scratch.statement(merge), await scratch.statement(merge)].map(({ statistics }) => {
    const { insertedRowCount, updatedRowCount } = statistics?.query?.dmlStats ?? {};
    return `${insertedRowCount ?? 0} inserted and ${updatedRowCount ?? 0} updated`;
  });
  const [row] = await scratch.rows<{ rows_: number; stamps: number }>(`SELECT COUNT(*) AS rows_, SUM(Stamp) AS stamps FROM ${target}`);
  const seen = `${counts.join(', then ')}: ${row?.rows_} rows`;
  return toResult(seen === '1 inserted and 1 updated, then 0 inserted and 2 updated: 3 rows' && row?.stamps === 8, seen);
}

async function checkDuplicateSourceRows(scratch: ScratchDataset): Promise<ProbeResult> {
  const target = scratch.quoted(scratch.tableName());
  await scratch.statement(`CREATE TABLE ${target} (Id STRING, Stamp INT64)`);
  await scratch.statement(`INSERT INTO ${target} (Id, Stamp) VALUES ('a', 1)`);
  const { status } = await scratch.run(`MERGE ${target} AS t USING (
SELECT 'a' AS Id, 2 AS Stamp UNION ALL SELECT 'a' AS Id, 3 AS Stamp
) AS s ON t.Id = s.Id
WHEN MATCHED THEN UPDATE SET Stamp = s.Stamp`);
  return toResult(status?.errorResult !== undefined && status?.errorResult !== null, status?.errorResult?.reason ?? 'it succeeded');
}

async function checkReplacedRows(scratch: ScratchDataset): Promise<ProbeResult> {
  const name = scratch.tableName();
  const table = scratch.quoted(name);
  await scratch.statement(`CREATE TABLE ${table} (Id STRING NOT NULL OPTIONS (description = 'the key'), Kept STRING, PRIMARY KEY (Id) NOT ENFORCED)
CLUSTER BY Id
OPTIONS (labels = [('job', 'doctor')])`);
  await scratch.statement(`INSERT INTO ${table} (Id, Kept) VALUES ('a', 'x'), ('b', 'y')`);
  const sql = `SELECT _new.Id, _old.Kept FROM (SELECT 'b' AS Id UNION ALL SELECT 'c' AS Id) AS _new LEFT JOIN ${table} AS _old ON _old.Id = _new.Id`;
  const outcome = await runQueryJob(scratch.warehouse, {
    id: scratch.name(),
    sql,
    labels: { job: 'doctor' },
    maxBytesBilled: 1024 ** 3,
    replaces: name,
  });
  if (!outcome.succeeded) return toResult(false, String(outcome.error.details.bigquery_reason));
  const rows = await scratch.rows<{ Id: string; Kept: string | null }>(`SELECT Id, Kept FROM ${table} ORDER BY Id`);
  const { schema, labels, clustering, tableConstraints } = (await scratch.metadata(name)) ?? {};
  const seen = [
    rows.map(({ Id, Kept }) => `${Id} ${Kept}`).join(', '),
    schema?.fields?.[0]?.description,
    labels?.job,
    clustering?.fields?.join(),
    tableConstraints?.primaryKey?.columns?.join(),
  ].join('; ');
  return toResult(seen === 'b y, c null; the key; doctor; Id; Id', seen);
}

async function checkByteLimit(scratch: ScratchDataset): Promise<ProbeResult> {
  const table = scratch.quoted(scratch.tableName());
  await scratch.statement(`CREATE TABLE ${table} (Id STRING)`);
  await scratch.statement(`INSERT INTO ${table} (Id) VALUES ('a')`);
  const reason = await scratch.run(`SELECT Id FROM ${table}`, { maximumBytesBilled: '1' }).then(
    ({ status }) => status?.errorResult?.reason ?? 'it succeeded',
    (error) => bigQueryReason(error) ?? 'no reason',
  );
  return toResult(reason === 'bytesBilledLimitExceeded', reason);
}

async function checkPruning(scratch: ScratchDataset): Promise<ProbeResult> {
  if (isLoopback(scratch.warehouse.uploadUrl)) return notTested('the BigQuery emulator counts whole tables');
  const target = scratch.quoted(scratch.tableName());
  await scratch.statement(
    `CREATE TABLE ${target} (Id STRING, CreatedDate TIMESTAMP) PARTITION BY TIMESTAMP_TRUNC(CreatedDate, MONTH) CLUSTER BY Id`,
  );
  const months = Array.from({ length: 12 }, (_, index) => String(index + 1).padStart(2, '0'));
  await scratch.statement(
    `INSERT INTO ${target} (Id, CreatedDate) VALUES ${months.map((month) => `('${month}', TIMESTAMP '2024-${month}-02 00:00:00+00')`).join(', ')}`,
  );
  const merge = (condition: string): string => `MERGE ${target} AS t
USING (SELECT '03' AS Id, TIMESTAMP '2024-03-02 00:00:00+00' AS CreatedDate) AS s
ON t.Id = s.Id${condition}
WHEN MATCHED THEN UPDATE SET CreatedDate = s.CreatedDate
WHEN NOT MATCHED THEN INSERT (Id, CreatedDate) VALUES (s.Id, s.CreatedDate)`;
  const whole = await scratch.dryRun(merge(''));
  const month = await scratch.dryRun(
    merge(" AND ((t.CreatedDate >= TIMESTAMP '2024-03-01 00:00:00+00' AND t.CreatedDate < TIMESTAMP '2024-04-01 00:00:00+00'))"),
  );
  return toResult(month < whole, `${month} of ${whole} bytes`);
}
