import type { DeltaStatement } from '../../app/bigquery/sql/delta-statement.ts';
import type { TableName } from '../../app/bigquery/sql/quote.ts';
import { SYSTEM_COLUMNS } from '../../app/bigquery/sql/table-statements.ts';
import {
  addMissingStatement,
  addVersionsStatement,
  copyVersionsStatement,
  countMissingStatement,
  countReturnedStatement,
  countVersionsStatement,
  missingMonthsStatement,
  removeMissingStatement,
  treatVersionsStatement,
  VALID_FROM,
  VALID_TO,
  type VersionsStatement,
  validVersionsQuery,
} from '../../app/bigquery/sql/versions-statements.ts';
import type { Column } from '../../app/core/fields/columns.ts';
import { type Deletes, isEmptied } from '../../app/core/jobs/deletes.ts';
import { tableOf } from './schemas.ts';

/** What the statements of a schema's versions need. */
interface VersionsCase {
  /** what all versions statements have in common */
  base: Omit<VersionsStatement, 'versions' | 'deletes' | 'stampMonths'>;
  staged: DeltaStatement;
  target: TableName;
  comparison: TableName;
  deletes: readonly Deletes[];
}

export const VERSIONS = tableOf('Target__c_versions');

export const versionsColumns = (columns: readonly Column[]): Column[] => [...columns, ...SYSTEM_COLUMNS, VALID_FROM];

/** A statement, with the columns that it selects. */
interface Selected {
  sql: string;
  columns: readonly Column[];
}

/**
 * The statements of a table of versions in all their variants: by handling of deleted rows, with and without the months of stamps.
 */
export function versionsStatements({ base, staged, target, comparison, deletes }: VersionsCase): Selected[] {
  const { columns, cursorField } = base;
  const runId = staged.runId;
  const statements = deletes.flatMap((each) =>
    [undefined, ['2023-01', 'none'], ['none'], ['2022-12', '2023-01']].map(
      (stampMonths): VersionsStatement => ({ ...base, versions: VERSIONS, delta: staged.delta, deletes: each, stampMonths }),
    ),
  );
  const names = versionsColumns(columns).map(({ name }) => name);
  const emptied = names.filter((name) => isEmptied(name, cursorField, 'CreatedDate'));
  const { firstId, lastId } = base;
  const swept = { kind: 'swept', comparison, firstId, lastId } as const;
  const absent = { kind: 'absent', comparison, target, versionsBefore: new Date('2023-03-19T23:50:00Z') } as const;
  const replaced = { kind: 'replaced', target, dueBefore: new Date('2023-03-20T00:00:00Z') } as const;
  const records = [swept, absent, replaced, { kind: 'delta', delta: staged.delta, cursorField }, { kind: 'target', target }] as const;
  const counts = (['present', 'ids', 'added'] as const).map((name): Column => ({ name, type: 'INT64' }));
  const missingCounts = (['records', 'live'] as const).map((name): Column => ({ name, type: 'INT64' }));
  const dml = [
    ...statements.map(addVersionsStatement),
    copyVersionsStatement({ versions: VERSIONS, target, names: names.filter((name) => name !== VALID_FROM.name), cursorField }),
    ...statements.filter(({ stampMonths }) => !stampMonths).map(removeMissingStatement),
    ...[swept, absent, replaced].map((missing) => addMissingStatement({ versions: VERSIONS, records: missing, names, runId })),
    ...(['blank', 'remove'] as const).flatMap((each) =>
      records.map((deleted) => treatVersionsStatement({ versions: VERSIONS, records: deleted, deletes: each, emptied })),
    ),
  ];
  return [
    ...dml.map((sql) => ({ sql, columns: [] })),
    ...statements.map((statement) => ({ sql: countVersionsStatement(statement, runId), columns: counts })),
    ...[swept, absent, replaced].map((missing) => ({ sql: countMissingStatement(VERSIONS, missing), columns: missingCounts })),
    { sql: missingMonthsStatement(VERSIONS), columns: [{ name: 'month', type: 'STRING' }] },
    ...statements
      .filter(({ stampMonths }) => !stampMonths)
      .map((each) => ({
        sql: countReturnedStatement(each, ['2023-01', '2023-03']),
        columns: [{ name: 'returned', type: 'INT64' } as const],
      })),
    { sql: validVersionsQuery(VERSIONS), columns: [...versionsColumns(columns), VALID_TO] },
  ];
}
